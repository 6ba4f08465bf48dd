using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Devices;

/// <summary>A sum of squares in parts, on its way from the device: the host adds them in their order.</summary>
public sealed class SquareParts : IDisposable
{
    /// <summary>Parts of a sum.</summary>
    public const int Count = 1024;

    private readonly IComputeDevice _device;

    /// <summary>Allocates both ends.</summary>
    public SquareParts(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        OnDevice = device.Allocate(ByteLength, ElementType.UInt8);
        OnHost = new HostBuffer(ByteLength);
        device.PageLock(OnHost);
    }

    /// <summary>Bytes of all parts.</summary>
    public static long ByteLength => Count * sizeof(double);

    /// <summary>[Count] fp64.</summary>
    public DeviceBuffer OnDevice { get; }

    /// <summary>[Count] fp64.</summary>
    public HostBuffer OnHost { get; }

    /// <summary>The sum, once the parts have landed.</summary>
    public double Sum()
    {
        var sum = 0.0;
        foreach (var part in OnHost.Span<double>(0, Count)) sum += part;
        return sum;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device.Unlock(OnHost);
        OnHost.Dispose();
        OnDevice.Dispose();
    }
}
