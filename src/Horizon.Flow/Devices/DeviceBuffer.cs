using System.Runtime.InteropServices;
using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>A flat block of device memory, allocated once: views of it are what operators read and write, copies go to its address.</summary>
public sealed partial class DeviceBuffer : IDisposable
{
    private readonly Action? _beforeFree;

    /// <summary>Allocates a zeroed block.</summary>
    /// <param name="device">Where.</param>
    /// <param name="elements">At least 1.</param>
    /// <param name="type">The type of each element.</param>
    /// <param name="beforeFree">Called once before the memory is freed: waits for copies that still touch it.</param>
    /// <exception cref="DeviceException">The device has no such memory left.</exception>
    public DeviceBuffer(Device device, long elements, ElementType type, Action? beforeFree = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(elements, 1);
        ElementType = type;
        ElementCount = elements;
        ByteLength = checked(elements * type.ByteSize());
        _beforeFree = beforeFree;
        try
        {
            Flat = zeros(elements, dtype: type.ToScalarType(), device: device).DetachFromDisposeScope();
        }
        catch (ExternalException error)
        {
            throw new DeviceException(
                $"{device} has no {ByteLength:N0} bytes left for a buffer of {elements:N0} {type}: use fewer device buffers or a smaller batch.", error);
        }

        Address = DataPointer(Flat.Handle);
        GC.KeepAlive(Flat);
    }

    /// <summary>[ElementCount], never part of an autograd graph. Owned by the buffer.</summary>
    public Tensor Flat { get; }

    /// <summary>The first byte, in the device's address space.</summary>
    public nint Address { get; }

    /// <summary>The type of each element.</summary>
    public ElementType ElementType { get; }

    /// <summary>Elements of the buffer.</summary>
    public long ElementCount { get; }

    /// <summary>Bytes of the buffer.</summary>
    public long ByteLength { get; }

    /// <summary>Frees the memory, after the copies under way.</summary>
    public void Dispose()
    {
        if (Flat.IsInvalid) return;
        _beforeFree?.Invoke();
        Flat.Dispose();
    }

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint DataPointer(nint tensor);
}
