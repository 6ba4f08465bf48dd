using Horizon.Flow.Devices;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>Numbers on the device that go to whoever asked for the pass. Whoever reads them disposes the tensor.</summary>
public sealed class DeviceResult : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="numbers">fp32, contiguous; owned by the message.</param>
    /// <param name="ready">Complete when they are there.</param>
    public DeviceResult(UnitVisit visit, Tensor numbers, Fence ready)
        : base(visit) => (Numbers, Ready) = (numbers, ready);

    /// <summary>fp32, contiguous.</summary>
    public Tensor Numbers { get; }

    /// <summary>Complete when they are there.</summary>
    public Fence Ready { get; }
}
