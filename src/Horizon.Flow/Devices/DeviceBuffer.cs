using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>A flat block of device memory, allocated once: views of it are what operators read and write, copies go to its address.</summary>
public sealed partial class DeviceBuffer : IDisposable
{
    private readonly Action? _beforeFree;
    private readonly bool _owned = true;

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

    private DeviceBuffer(Tensor flat, ElementType type)
    {
        Flat = flat;
        ElementType = type;
        ElementCount = flat.numel();
        ByteLength = ElementCount * type.ByteSize();
        _owned = false;
        Address = DataPointer(flat.Handle);
        GC.KeepAlive(flat);
    }

    /// <summary>A tensor's memory as the source or target of a copy. The tensor stays the caller's, and must outlive the copy.</summary>
    /// <param name="tensor">Contiguous.</param>
    public static DeviceBuffer Of(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (!tensor.is_contiguous()) throw new ArgumentException("a copy needs a contiguous tensor, this one has strides; call contiguous()", nameof(tensor));
        return new DeviceBuffer(tensor, tensor.dtype.ToElementType());
    }

    /// <summary>[ElementCount], never part of an autograd graph. Owned by the buffer, unless it is <see cref="Of"/> a tensor.</summary>
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
        if (!_owned || Flat.IsInvalid) return;
        _beforeFree?.Invoke();
        Flat.Dispose();
    }

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint DataPointer(nint tensor);
}
