using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Messages;

/// <summary>A unit's flat gradient on the device. Whoever copies it down gives the lease back.</summary>
public sealed class DeviceGradient : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="gradient">The device buffer; its <see cref="DeviceSlot.Fence"/> says when the gradient is there.</param>
    /// <param name="layout">What the gradient consists of; what is trained of the unit by default.</param>
    public DeviceGradient(UnitVisit visit, Lease<DeviceSlot> gradient, UnitLayout? layout = null)
        : base(visit)
    {
        Gradient = gradient;
        Layout = layout ?? visit.Layout.Trained;
    }

    /// <summary>What the gradient consists of: all that is trained of the unit unless a stage reduced it.</summary>
    public UnitLayout Layout { get; }

    /// <summary>The device buffer; its <see cref="DeviceSlot.Fence"/> says when the gradient is there.</summary>
    public Lease<DeviceSlot> Gradient { get; }

    /// <summary>What of it may be other than zero, as backward said; null for all. A stage that changes the gradient where it lies has all of it copied down.</summary>
    public IReadOnlyList<GradientRange>? Nonzero { get; init; }

    /// <summary>The gradient as views.</summary>
    public ParameterViews Views => Gradient.Value.ViewsOf(Layout);
}
