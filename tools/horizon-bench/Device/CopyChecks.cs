using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>Bytes arrive as they left: random data, odd lengths, page-locked and ordinary memory, both ways.</summary>
internal static class CopyChecks
{
    public static async Task RunAsync(IComputeDevice device, CheckSize size, Report report)
    {
        foreach (var locked in (bool[])[true, false])
        {
            foreach (var bytes in (long[])[1, 4099, (8 << 20) + 3, (Math.Min(size.CopyBytes, 256L << 20) / 2) - 1])
                report.Check($"copy there and back, {(locked ? "page-locked" : "ordinary")}, {bytes:N0} bytes", await RoundTripAsync(device, bytes, locked));
        }

        // Two small buffers may share a page.
        using var first = new HostBuffer(sizeof(float));
        using var second = new HostBuffer(sizeof(float));
        device.PageLock(first);
        device.PageLock(second);
        device.Unlock(first);
        device.Unlock(second);
        report.Say($"two buffers of 4 bytes at {first.Address:x} and {second.Address:x} locked and unlocked (a warning above says if not)");
    }

    private static async Task<bool> RoundTripAsync(IComputeDevice device, long bytes, bool locked)
    {
        using var source = new HostBuffer(bytes);
        using var target = new HostBuffer(bytes);
        using var buffer = device.Allocate(bytes, ElementType.UInt8);
        new Random(7).NextBytes(source.Span<byte>(0, (int)bytes));
        if (locked) device.PageLock(source);
        if (locked) device.PageLock(target);
        var uploaded = device.Upload(source, bytes, buffer, Fence.Completed);
        var computed = await device.Lane.RunAsync(() =>
        {
            device.ComputeWaits(uploaded);
            buffer.Flat.bitwise_xor_(buffer.Flat.new_empty([1]).FillInPlace(0x5a));
            return device.RecordCompute();
        });
        await device.Download(buffer, bytes, target, computed).WaitAsync();
        device.Unlock(source);
        device.Unlock(target);
        return Same(source.Span<byte>(0, (int)bytes), target.Span<byte>(0, (int)bytes));
    }

    private static bool Same(ReadOnlySpan<byte> sent, ReadOnlySpan<byte> received)
    {
        for (var i = 0; i < sent.Length; i++)
            if ((sent[i] ^ 0x5a) != received[i]) return false;
        return true;
    }
}
