namespace Horizon.Flow;

/// <summary>A wish for a unit at a version: what enters the graph.</summary>
public sealed class UnitRequest : UnitMessage
{
    /// <summary>Creates the request.</summary>
    public UnitRequest(UnitVisit visit)
        : base(visit)
    {
    }

    /// <summary>The version the unit must have.</summary>
    public long Version => Visit.Step.VersionOf(Visit.Unit);
}
