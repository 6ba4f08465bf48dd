namespace Horizon.Flow.Messages;

/// <summary>A wish for a unit at a version: what enters the graph at fetch, in the order in which the program loads.</summary>
public sealed class LoadRequest : UnitMessage
{
    /// <summary>Creates the request.</summary>
    /// <param name="visit">The visit that reads the unit first.</param>
    /// <param name="version">How many updates of its own the unit must have seen.</param>
    public LoadRequest(UnitVisit visit, long version)
        : base(visit) => Version = version;

    /// <summary>How many updates of its own the unit must have seen.</summary>
    public long Version { get; }
}
