using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Bench;

/// <summary>
/// Writes NaN over a host buffer before a download into it, so that whoever reads it too early, or still, sees NaN. With
/// <paramref name="faulty"/> it also has a planted race: operators do not wait for uploads.
/// </summary>
internal sealed class SpoilingDevice(IComputeDevice inner, bool faulty = false) : DeviceWrapper(inner)
{
    public override unsafe Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        // All bits set are a NaN in bf16 and in fp32.
        for (long offset = 0; offset < bytes; offset += 1 << 30)
            target.Span<byte>(offset, (int)Math.Min(1 << 30, bytes - offset)).Fill(0xFF);
        return base.Download(source, bytes, target, after);
    }

    public override void ComputeWaits(Fence fence)
    {
        if (!faulty) base.ComputeWaits(fence);
    }
}
