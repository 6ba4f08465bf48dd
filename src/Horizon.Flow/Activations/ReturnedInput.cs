using Horizon.Flow.Devices;
using static TorchSharp.torch;

namespace Horizon.Flow.Activations;

/// <summary>A device buffer of a pool, for a layer's input that comes back from host memory. It grows to the largest input.</summary>
public sealed class ReturnedInput : IDisposable
{
    private readonly IComputeDevice _device;
    private DeviceBuffer? _buffer;
    private long[] _shape = [];
    private Tensor? _open;

    /// <summary>An empty place.</summary>
    public ReturnedInput(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
    }

    /// <summary>When the last copy or computation on the buffer is done.</summary>
    public Fence Fence { get; private set; } = Fence.Completed;

    /// <summary>Starts the copy back, on the upload stream, after the last use of the buffer.</summary>
    /// <param name="source">Where the input lies; its fence is complete.</param>
    /// <param name="cancellation">Gives up waiting for the buffer's last use, where it has to grow.</param>
    public async ValueTask FillAsync(OffloadedInput source, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        _shape = [.. source.Shape];
        if (_buffer is null || _buffer.ElementCount < source.ElementCount)
        {
            await Fence.WaitAsync(cancellation).ConfigureAwait(false);
            _buffer?.Dispose();
            _buffer = null;
            _buffer = _device.Allocate(source.ElementCount, source.Type);
        }

        Fence = source.CopyTo(_buffer, Fence);
    }

    /// <summary>[batch, sequence, hidden]: the input, for operators launched from now on; the same tensor until <see cref="Close"/>. Called on the lane.</summary>
    public Tensor Open()
    {
        if (_open is not null) return _open;
        _device.ComputeWaits(Fence);
        using var flat = _buffer!.Flat.narrow(0, 0, _shape.Aggregate(1L, (product, extent) => product * extent));
        return _open = flat.view(_shape).DetachFromDisposeScope();
    }

    /// <summary>All operators that read the input are launched. Called on the lane.</summary>
    public void Close()
    {
        if (_open is null) return;
        _open.Dispose();
        _open = null;
        Fence = _device.RecordCompute();
    }

    /// <summary>Frees the buffer, after the last work on it.</summary>
    public void Dispose()
    {
        Fence.WaitForEnd();
        _buffer?.Dispose();
    }
}
