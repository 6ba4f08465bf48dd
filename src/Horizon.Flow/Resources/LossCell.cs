using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Resources;

/// <summary>One fp32 number on its way from the device: a sum of losses, read without stopping the thread that launches operators.</summary>
public sealed class LossCell : IDisposable
{
    private readonly IComputeDevice _device;

    /// <summary>Allocates both ends.</summary>
    public LossCell(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        OnDevice = device.Allocate(1, ElementType.Float32);
        OnHost = new HostBuffer(sizeof(float));
        device.PageLock(OnHost);
    }

    /// <summary>[1] fp32.</summary>
    public DeviceBuffer OnDevice { get; }

    /// <summary>[1] fp32.</summary>
    public HostBuffer OnHost { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device.Unlock(OnHost);
        OnHost.Dispose();
        OnDevice.Dispose();
    }
}
