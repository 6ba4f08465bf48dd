using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>temporary</summary>
public sealed unsafe class CpuDevice : IComputeDevice
{
    /// <summary>t</summary>
    public CpuDevice() => NativeTorch.Load();
    /// <inheritdoc/>
    public Device TorchDevice => CPU;
    /// <inheritdoc/>
    public string Name => "cpu";
    /// <inheritdoc/>
    public long? MemoryBytes => null;
    /// <inheritdoc/>
    public long PeakBytes => 0;
    /// <inheritdoc/>
    public ComputeLane Lane { get; } = new();
    /// <inheritdoc/>
    public DeviceBuffer Allocate(long elements, ElementType type) => new(zeros(elements, type == ElementType.Float32 ? float32 : bfloat16).DetachFromDisposeScope());
    /// <inheritdoc/>
    public void PageLock(HostBuffer buffer) { }
    /// <inheritdoc/>
    public void Unlock(HostBuffer buffer) { }
    /// <inheritdoc/>
    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        Buffer.MemoryCopy((void*)source.Address, (void*)Address(target), bytes, bytes);
        return default;
    }
    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        Buffer.MemoryCopy((void*)Address(source), (void*)target.Address, bytes, bytes);
        return default;
    }
    private static nint Address(DeviceBuffer b) { using var s = b.Flat.storage<float>(); return s.data_ptr(); }
    /// <inheritdoc/>
    public Fence RecordCompute() => default;
    /// <inheritdoc/>
    public void ComputeWaits(Fence fence) { }
    /// <inheritdoc/>
    public ValueTask DrainAsync() => ValueTask.CompletedTask;
    /// <inheritdoc/>
    public void Dispose() => Lane.Dispose();
}
