using Horizon.Flow.Graph;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Messages;

/// <summary>A unit on the device. Join owns it from here to its last reader.</summary>
public sealed class DeviceUnit : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit that reads it first.</param>
    /// <param name="weights">The device buffer.</param>
    public DeviceUnit(UnitVisit visit, Lease<DeviceSlot> weights)
        : base(visit) => Weights = weights;

    /// <summary>The device buffer; its <see cref="DeviceSlot.Fence"/> says when the upload is done.</summary>
    public Lease<DeviceSlot> Weights { get; }

    /// <summary>The unit's parameters as views.</summary>
    public ParameterViews Parameters => Weights.Value.ViewsOf(Visit.Layout);
}
