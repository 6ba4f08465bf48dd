namespace Horizon.Flow.Messages;

/// <summary>A unit's gradient for whoever asked for it.</summary>
public sealed class CollectedGradient : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit that gave the last of it.</param>
    /// <param name="values">All elements, fp32.</param>
    public CollectedGradient(UnitVisit visit, float[] values)
        : base(visit)
    {
        ArgumentNullException.ThrowIfNull(values);
        Values = values;
    }

    /// <summary>All elements, fp32.</summary>
    public float[] Values { get; }
}
