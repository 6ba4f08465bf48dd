using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>
/// Writes NaN over a host buffer before a download into it, so that whoever reads it too early, or still, sees NaN. With
/// <paramref name="faulty"/> it also has a planted race: operators do not wait for uploads.
/// </summary>
internal sealed class SpoilingDevice(IComputeDevice inner, bool faulty = false) : DeviceWrapper(inner)
{
    public override Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        Spoil(target, bytes);
        return base.Download(source, bytes, target, after);
    }

    // Of ranges, all of the target: what is not copied is cleared later.
    public override Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after)
    {
        Spoil(target, target.ByteLength);
        return base.Download(source, ranges, target, after);
    }

    public override void ComputeWaits(Fence fence)
    {
        if (!faulty) base.ComputeWaits(fence);
    }

    // All bits set are a NaN in bf16 and in fp32.
    private static void Spoil(HostBuffer target, long bytes)
    {
        for (long offset = 0; offset < bytes; offset += 1 << 30)
            target.Span<byte>(offset, (int)Math.Min(1 << 30, bytes - offset)).Fill(0xFF);
    }
}
