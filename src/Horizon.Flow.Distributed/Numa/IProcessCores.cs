namespace Horizon.Flow.Distributed;

/// <summary>The cores that a process may use.</summary>
internal interface IProcessCores
{
    /// <summary>Linux's numbers of them; empty where the system does not say.</summary>
    IReadOnlyList<int> Allowed { get; }

    /// <summary>Keeps every thread of the process, those to come too, to some of them.</summary>
    /// <returns>Whether the system did.</returns>
    bool TryKeepTo(IReadOnlyList<int> cores);
}
