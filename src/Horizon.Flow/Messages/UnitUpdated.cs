namespace Horizon.Flow;

/// <summary>A unit is at the version after its step.</summary>
public sealed class UnitUpdated : UnitMessage
{
    /// <summary>Creates the message.</summary>
    public UnitUpdated(UnitVisit visit)
        : base(visit)
    {
    }
}
