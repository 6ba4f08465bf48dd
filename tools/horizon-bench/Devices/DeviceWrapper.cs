using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using TorchDevice = TorchSharp.torch.Device;

namespace Horizon.Flow.Bench;

/// <summary>A device that passes everything on to another; the base of those that watch or spoil.</summary>
internal abstract class DeviceWrapper(IComputeDevice inner) : IComputeDevice
{
    public TorchDevice TorchDevice => inner.TorchDevice;

    public string Name => inner.Name;

    public long? MemoryBytes => inner.MemoryBytes;

    public long? FreeMemoryBytes => inner.FreeMemoryBytes;

    public ComputeLane Lane => inner.Lane;

    public virtual IUnitOperators Operators => inner.Operators;

    public DeviceBuffer Allocate(long elements, ElementType type) => inner.Allocate(elements, type);

    public void PageLock(HostBuffer buffer) => inner.PageLock(buffer);

    public void Unlock(HostBuffer buffer) => inner.Unlock(buffer);

    public virtual Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after) => inner.Upload(source, bytes, target, after);

    public virtual Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after) => inner.Download(source, bytes, target, after);

    public bool SumsSquares => inner.SumsSquares;

    public virtual Fence SumSquares(DeviceBuffer source, long elements, SquareParts parts, Fence after) => inner.SumSquares(source, elements, parts, after);

    public virtual Fence RecordCompute() => inner.RecordCompute();

    public virtual void ComputeWaits(Fence fence) => inner.ComputeWaits(fence);

    /// <summary>The inner device belongs to whoever opened it.</summary>
    public void Dispose()
    {
    }
}
