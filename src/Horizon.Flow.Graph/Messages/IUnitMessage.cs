namespace Horizon.Flow.Graph;

/// <summary>
/// What flows on an edge: work on one unit in one step. Messages are objects; the buffers they carry are leases of pools.
/// </summary>
public interface IUnitMessage
{
    /// <summary>The optimizer step, from 1.</summary>
    long Step { get; }

    /// <summary>The unit's name, such as <c>layer 3</c>.</summary>
    string UnitName { get; }

    /// <summary>
    /// <see cref="TimeProvider.GetTimestamp"/> of the moment the last stage gave the message away. Stages set it; it tells a stage
    /// that waited for input from one that could not get rid of its output.
    /// </summary>
    long ReadyTimestamp { get; set; }
}
