namespace Horizon.Flow.Host.Optimizers;

/// <summary>An <see cref="UpdateParts"/> as a type, so that a sweep is compiled for each.</summary>
internal interface IUpdatePart
{
    /// <summary>Whether weights are read and written.</summary>
    static abstract bool Weights { get; }

    /// <summary>Whether the state is written.</summary>
    static abstract bool State { get; }
}
