using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>A unit on the device, bound to its template. Whoever computes with it gives the lease back.</summary>
public sealed class DeviceUnit : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="weights">The device buffer; null where the visit needs no weights.</param>
    /// <param name="input">The visit's input on its way back from host memory; null where it is on the device, or not needed.</param>
    public DeviceUnit(UnitVisit visit, Lease<DeviceSlot>? weights, Lease<ReturnedInput>? input = null)
        : base(visit)
    {
        Weights = weights;
        Input = input;
    }

    /// <summary>The visit's input on its way back from host memory; null where it is on the device, or not needed.</summary>
    public Lease<ReturnedInput>? Input { get; }

    /// <summary>The device buffer; its <see cref="DeviceSlot.Fence"/> says when the upload is done. Null where none is needed.</summary>
    public Lease<DeviceSlot>? Weights { get; }

    /// <summary>The unit's parameters as views; null where none are needed.</summary>
    public ParameterViews? Parameters => Weights?.Value.ViewsOf(Visit.Layout);
}
