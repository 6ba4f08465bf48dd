using System.Text;
using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>One device's primary context, the one that libtorch uses, held for as long as this lives.</summary>
internal sealed unsafe class CudaContext : IDisposable
{
    private readonly int _device;
    private nint _handle;

    public CudaContext(int ordinal)
    {
        Check(cuDeviceGet(out _device, ordinal), "cuDeviceGet");
        var name = stackalloc byte[256];
        Check(cuDeviceGetName(name, 256, _device), "cuDeviceGetName");
        Name = Encoding.UTF8.GetString(name, new ReadOnlySpan<byte>(name, 256).IndexOf((byte)0));
        Check(cuDeviceTotalMem_v2(out var bytes, _device), "cuDeviceTotalMem");
        MemoryBytes = (long)bytes;
        Check(cuDevicePrimaryCtxRetain(out _handle, _device), "cuDevicePrimaryCtxRetain");
    }

    /// <summary>The product's name.</summary>
    public string Name { get; }

    /// <summary>All of the device's memory.</summary>
    public long MemoryBytes { get; }

    /// <summary>A number of the device, by its CU_DEVICE_ATTRIBUTE.</summary>
    public int Attribute(int attribute)
    {
        Check(cuDeviceGetAttribute(out var value, attribute, _device), "cuDeviceGetAttribute");
        return value;
    }

    /// <summary>The driver's devices; one clear error where there is no driver or it does not start.</summary>
    public static int DeviceCount()
    {
        try
        {
            Check(cuInit(0), "cuInit");
            Check(cuDeviceGetCount(out var count), "cuDeviceGetCount");
            return count;
        }
        catch (DllNotFoundException error)
        {
            throw new HorizonException("There is no NVIDIA driver here (libcuda.so.1 does not load): install it, or use device: cpu.", error);
        }
        catch (DeviceException error)
        {
            throw new HorizonException($"The NVIDIA driver does not start: {error.Message} Mend it, or use device: cpu.", error);
        }
    }

    /// <summary>Where a device is on the bus, such as <c>0000:1b:00.0</c>; takes no context.</summary>
    public static string AddressOf(int ordinal)
    {
        const int Length = 32;
        Check(cuInit(0), "cuInit");
        Check(cuDeviceGet(out var device, ordinal), "cuDeviceGet");
        var address = stackalloc byte[Length];
        Check(cuDeviceGetPCIBusId(address, Length, device), "cuDeviceGetPCIBusId");
        return Encoding.UTF8.GetString(address, new ReadOnlySpan<byte>(address, Length).IndexOf((byte)0)).ToLowerInvariant();
    }

    /// <summary>Makes the context current on the calling thread until the result is disposed.</summary>
    public Entered Enter()
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        Check(cuCtxPushCurrent_v2(_handle), "cuCtxPushCurrent");
        return default;
    }

    /// <summary>Makes the context current on the calling thread for good.</summary>
    public void Stay() => Check(cuCtxSetCurrent(_handle), "cuCtxSetCurrent");

    public void Dispose()
    {
        if (_handle == 0) return;
        _handle = 0;
        Check(cuDevicePrimaryCtxRelease_v2(_device), "cuDevicePrimaryCtxRelease");
    }

    public readonly ref struct Entered
    {
        public void Dispose() => Check(cuCtxPopCurrent_v2(out _), "cuCtxPopCurrent");
    }
}
