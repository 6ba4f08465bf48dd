using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Messages;

/// <summary>A loss on the device: the sum over a micro-batch's labelled tokens. Whoever reads it gives the cell back.</summary>
public sealed class DeviceLoss : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="cell">Where it lies.</param>
    /// <param name="ready">Complete when it is there.</param>
    public DeviceLoss(UnitVisit visit, Lease<LossCell> cell, Fence ready)
        : base(visit) => (Cell, Ready) = (cell, ready);

    /// <summary>Where it lies.</summary>
    public Lease<LossCell> Cell { get; }

    /// <summary>Complete when it is there.</summary>
    public Fence Ready { get; }
}
