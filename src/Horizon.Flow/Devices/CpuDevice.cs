using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>
/// The machine's own processors. The same graph, credits and versions run as on a GPU; the copy engine is a memory copy that
/// the calling thread makes, and every operator has run when its call returns, so every fence is complete.
/// </summary>
public sealed class CpuDevice : IComputeDevice
{
    /// <summary>Loads libtorch and starts the lane.</summary>
    /// <exception cref="HorizonException">libtorch does not load.</exception>
    public CpuDevice()
    {
        NativeTorch.Load();
        TorchDevice = CPU;
        Lane = new ComputeLane("cpu lane");
    }

    /// <inheritdoc/>
    public Device TorchDevice { get; }

    /// <inheritdoc/>
    public string Name => $"cpu ({Environment.ProcessorCount} threads)";

    /// <inheritdoc/>
    public long? MemoryBytes => null;

    /// <inheritdoc/>
    public ComputeLane Lane { get; }

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long elements, ElementType type) => new(TorchDevice, elements, type);

    /// <inheritdoc/>
    public void PageLock(HostBuffer buffer) => ArgumentNullException.ThrowIfNull(buffer);

    /// <inheritdoc/>
    public void Unlock(HostBuffer buffer) => ArgumentNullException.ThrowIfNull(buffer);

    /// <inheritdoc/>
    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        CopyArguments.Check(source, bytes, target, after);
        HostCopy.Copy(source.Address, target.Address, bytes);
        return Fence.Completed;
    }

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        CopyArguments.Check(target, bytes, source, after);
        HostCopy.Copy(source.Address, target.Address, bytes);
        return Fence.Completed;
    }

    /// <inheritdoc/>
    public Fence RecordCompute() => Fence.Completed;

    /// <inheritdoc/>
    public void ComputeWaits(Fence fence) => ArgumentNullException.ThrowIfNull(fence);

    /// <inheritdoc/>
    public void Dispose() => Lane.Dispose();
}
