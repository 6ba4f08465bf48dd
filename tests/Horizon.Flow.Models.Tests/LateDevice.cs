using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>
/// The CPU with copies as late as they may be: one lands when its fence is waited for, behind what it was told to come after; whatever else is then on its way to
/// the same buffer lands on top of it.
/// </summary>
internal sealed class LateDevice : IComputeDevice
{
    private readonly CpuDevice _inner = new();
    private readonly List<Copy> _copies = [];

    public int Uploads { get; private set; }

    public Device TorchDevice => _inner.TorchDevice;

    public string Name => "cpu with the latest copies";

    public long? MemoryBytes => null;

    public ComputeLane Lane => _inner.Lane;

    public DeviceBuffer Allocate(long elements, ElementType type) => _inner.Allocate(elements, type);

    public void PageLock(HostBuffer buffer) => _inner.PageLock(buffer);

    public void Unlock(HostBuffer buffer) => _inner.Unlock(buffer);

    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        Uploads++;
        var copy = new Copy(this, target.Address, after, () => _inner.Upload(source, bytes, target, Fence.Completed));
        _copies.Add(copy);
        return copy;
    }

    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after) => _inner.Download(source, bytes, target, after);

    public Fence RecordCompute() => Fence.Completed;

    public void ComputeWaits(Fence fence) => Assert.True(fence.WaitAsync().IsCompletedSuccessfully);

    public void Dispose() => _inner.Dispose();

    private sealed class Copy(LateDevice device, nint target, Fence after, Action run) : Fence
    {
        public override bool IsComplete => !device._copies.Contains(this);

        public override ValueTask WaitAsync(CancellationToken cancellationToken = default)
        {
            if (IsComplete) return default;
            Land();
            foreach (var other in device._copies.Where(copy => copy.Target == target).ToList()) other.Land();
            return default;
        }

        private nint Target => target;

        private void Land()
        {
            if (!device._copies.Remove(this)) return;
            if (after is Copy earlier) earlier.Land();
            run();
        }
    }
}
