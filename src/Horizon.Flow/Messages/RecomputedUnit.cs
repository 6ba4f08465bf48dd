using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>A unit's forward, recomputed, with what its backward needs.</summary>
public sealed class RecomputedUnit : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="tape">The forward; disposed by backward.</param>
    /// <param name="weights">The weights that the tape refers to; given back by backward.</param>
    public RecomputedUnit(UnitVisit visit, IUnitTape tape, Lease<DeviceSlot>? weights)
        : base(visit)
    {
        Tape = tape;
        Weights = weights;
    }

    /// <summary>The forward with what backward needs.</summary>
    public IUnitTape Tape { get; }

    /// <summary>The weights that the tape refers to.</summary>
    public Lease<DeviceSlot>? Weights { get; }
}
