using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>A unit's flat gradient on the device. Whoever copies it down gives the lease back.</summary>
public sealed class DeviceGradient : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="gradient">The device buffer; its <see cref="DeviceSlot.Fence"/> says when the gradient is there.</param>
    public DeviceGradient(UnitVisit visit, Lease<DeviceSlot> gradient)
        : base(visit) => Gradient = gradient;

    /// <summary>The device buffer; its <see cref="DeviceSlot.Fence"/> says when the gradient is there.</summary>
    public Lease<DeviceSlot> Gradient { get; }

    /// <summary>The gradient as views.</summary>
    public ParameterViews Views => Gradient.Value.ViewsOf(Visit.Layout);
}
