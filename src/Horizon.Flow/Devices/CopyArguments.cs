using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Devices;

/// <summary>What every copy checks before a byte moves.</summary>
internal static class CopyArguments
{
    public static void Check(HostBuffer host, IReadOnlyList<GradientRange> ranges, DeviceBuffer device, Fence after)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(ranges);
        var end = 0L;
        foreach (var range in ranges)
        {
            if (range.First < end || range.Count < 0) throw new ArgumentException($"ranges ascend without overlap; {range} comes behind element {end}", nameof(ranges));
            end = range.End;
        }

        Check(host, end * device.ElementType.ByteSize(), device, after);
    }

    public static void Check(HostBuffer host, long bytes, DeviceBuffer device, Fence after)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(after);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes > host.ByteLength || bytes > device.ByteLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(bytes), bytes, $"a copy of {bytes:N0} bytes leaves a host buffer of {host.ByteLength:N0} or a device buffer of {device.ByteLength:N0}");
        }
    }
}
