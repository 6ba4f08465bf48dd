using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using TorchDevice = TorchSharp.torch.Device;

namespace Horizon.Flow.Devices;

/// <summary>A device that passes everything on to another, which belongs to whoever opened it: the base of those that watch, trace or spoil.</summary>
/// <param name="inner">The other.</param>
public abstract class DeviceWrapper(IComputeDevice inner) : IComputeDevice
{
    /// <inheritdoc/>
    public virtual TorchDevice TorchDevice => inner.TorchDevice;

    /// <inheritdoc/>
    public virtual string Name => inner.Name;

    /// <inheritdoc/>
    public virtual long? MemoryBytes => inner.MemoryBytes;

    /// <inheritdoc/>
    public virtual long? FreeMemoryBytes => inner.FreeMemoryBytes;

    /// <inheritdoc/>
    public virtual ComputeLane Lane => inner.Lane;

    /// <inheritdoc/>
    public virtual IUnitOperators Operators => inner.Operators;

    /// <inheritdoc/>
    public virtual bool SumsSquares => inner.SumsSquares;

    /// <inheritdoc/>
    public virtual DeviceBuffer Allocate(long elements, ElementType type) => inner.Allocate(elements, type);

    /// <inheritdoc/>
    public virtual void PageLock(HostBuffer buffer) => inner.PageLock(buffer);

    /// <inheritdoc/>
    public virtual void Unlock(HostBuffer buffer) => inner.Unlock(buffer);

    /// <inheritdoc/>
    public virtual Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after) => inner.Upload(source, bytes, target, after);

    /// <inheritdoc/>
    public virtual Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after) => inner.Download(source, bytes, target, after);

    /// <inheritdoc/>
    public virtual Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after) => inner.Download(source, ranges, target, after);

    /// <inheritdoc/>
    public virtual Fence SumSquares(DeviceBuffer source, long elements, SquareParts parts, Fence after) => inner.SumSquares(source, elements, parts, after);

    /// <inheritdoc/>
    public virtual IDeviceStream OpenStream(string name) => inner.OpenStream(name);

    /// <inheritdoc/>
    public virtual Fence RecordCompute() => inner.RecordCompute();

    /// <inheritdoc/>
    public virtual void ComputeWaits(Fence fence) => inner.ComputeWaits(fence);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>The inner device is left open.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
