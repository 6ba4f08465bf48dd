using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Activations;

/// <summary>
/// A page-locked host buffer of a pool, for one layer's input. It takes its size from the first input and grows for a larger one, since
/// the sizes of micro-batches are not known before they come.
/// </summary>
public sealed class OffloadedInput : IDisposable
{
    private readonly IComputeDevice _device;
    private HostBuffer? _buffer;

    /// <summary>An empty place.</summary>
    public OffloadedInput(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
    }

    /// <summary>When the last copy from or to the buffer is done. Who takes the buffer waits for it first.</summary>
    public Fence Fence { get; private set; } = Fence.Completed;

    /// <summary>[batch, sequence, hidden] of the input that lies here.</summary>
    public IReadOnlyList<long> Shape { get; private set; } = [];

    /// <summary>The type of its elements.</summary>
    public ElementType Type { get; private set; }

    /// <summary>Elements of the input that lies here.</summary>
    public long ElementCount => Shape.Aggregate(1L, (product, extent) => product * extent);

    /// <summary>Makes room for so many bytes. Only when <see cref="Fence"/> is complete.</summary>
    public void Reserve(long bytes)
    {
        if (_buffer is not null && _buffer.ByteLength >= bytes) return;
        Free();
        _buffer = new HostBuffer(bytes);
        _device.PageLock(_buffer);
    }

    /// <summary>Starts the copy from the device, on the download stream, after the operators launched so far. Called on the lane.</summary>
    /// <param name="input">[batch, sequence, hidden], contiguous; must not be freed or written before the fence is complete.</param>
    /// <returns><see cref="Fence"/>.</returns>
    public Fence CopyFrom(Tensor input)
    {
        var source = DeviceBuffer.Of(input);
        Reserve(source.ByteLength);
        (Shape, Type) = (input.shape, source.ElementType);
        return Fence = _device.Download(source, source.ByteLength, _buffer!, _device.RecordCompute());
    }

    /// <summary>Starts the copy to the device, on the upload stream. Only when <see cref="Fence"/> is complete.</summary>
    /// <param name="target">The device buffer.</param>
    /// <param name="after">The last use of <paramref name="target"/>.</param>
    public Fence CopyTo(DeviceBuffer target, Fence after) => Fence = _device.Upload(_buffer!, ElementCount * Type.ByteSize(), target, after);

    /// <summary>Frees the buffer, after the last copy.</summary>
    public void Dispose()
    {
        Fence.WaitForEnd();
        Free();
    }

    private void Free()
    {
        if (_buffer is null) return;
        _device.Unlock(_buffer);
        _buffer.Dispose();
        _buffer = null;
    }
}
