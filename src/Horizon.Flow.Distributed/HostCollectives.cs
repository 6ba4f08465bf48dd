using System.Runtime.InteropServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Distributed;

/// <summary>Collectives over buffers in host memory, for devices that compute there. Sums are taken in fp32, in the order of the ranks, and rounded once.</summary>
/// <param name="meeting">Where the ranks meet; belongs to the collectives from now on.</param>
public sealed class HostCollectives(IMeeting meeting) : ICollectives
{
    /// <inheritdoc/>
    public int Rank => meeting.Rank;

    /// <inheritdoc/>
    public int Count => meeting.Count;

    /// <summary>The sides of so many ranks of one process.</summary>
    public static IReadOnlyList<HostCollectives> CreateLocal(int count) => [.. LocalMeeting.Create(count).Select(meeting => new HostCollectives(meeting))];

    /// <inheritdoc/>
    public void AllGather(DeviceBuffer slice, DeviceBuffer whole, long elements, nint stream)
    {
        var bytes = Check(slice, whole, elements);
        var all = Meet([Bytes(slice, 0, bytes).ToArray()]);
        for (var rank = 0; rank < Count; rank++) all[rank].CopyTo(Bytes(whole, rank * bytes, bytes));
    }

    /// <inheritdoc/>
    public void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, long elements, nint stream)
    {
        var bytes = Check(slice, whole, elements);
        var parts = Meet([.. Enumerable.Range(0, Count).Select(rank => Bytes(whole, rank * bytes, bytes).ToArray())]);
        Action<byte[][], Span<byte>> sum = slice.ElementType switch
        {
            ElementType.Float32 => SumFloats,
            ElementType.BFloat16 => SumHalves,
            var other => throw new ArgumentException($"gradients are bf16 or fp32, not {other}", nameof(slice)),
        };
        sum(parts, Bytes(slice, 0, bytes));
    }

    /// <inheritdoc/>
    public Task<byte[][]> ExchangeAsync(string line, byte[] own, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(own);
        return meeting.MeetAsync(line, [own], cancellationToken);
    }

    /// <inheritdoc/>
    public void Abort(string why) => meeting.Abort(why);

    /// <inheritdoc/>
    public void Dispose() => meeting.Dispose();

    // The lane waits: on a host there is nothing to run beside.
    private byte[][] Meet(byte[][] parts) => meeting.MeetAsync("devices", parts).GetAwaiter().GetResult();

    private long Check(DeviceBuffer slice, DeviceBuffer whole, long elements)
    {
        ArgumentNullException.ThrowIfNull(slice);
        ArgumentNullException.ThrowIfNull(whole);
        if (slice.ElementType != whole.ElementType || elements > slice.ElementCount || elements * Count > whole.ElementCount)
            throw new ArgumentException($"{Count} slices of {elements} elements do not fit buffers of {slice.ElementCount} {slice.ElementType} and {whole.ElementCount} {whole.ElementType}");
        return elements * slice.ElementType.ByteSize();
    }

    private static unsafe Span<byte> Bytes(DeviceBuffer buffer, long first, long count) => new((byte*)buffer.Address + first, checked((int)count));

    private static void SumFloats(byte[][] parts, Span<byte> target)
    {
        var sum = MemoryMarshal.Cast<byte, float>(target);
        MemoryMarshal.Cast<byte, float>(parts[0]).CopyTo(sum);
        foreach (var part in parts[1..])
        {
            var summand = MemoryMarshal.Cast<byte, float>(part);
            for (var i = 0; i < sum.Length; i++) sum[i] += summand[i];
        }
    }

    private static void SumHalves(byte[][] parts, Span<byte> target)
    {
        var sum = MemoryMarshal.Cast<byte, ushort>(target);
        for (var i = 0; i < sum.Length; i++)
        {
            var all = 0f;
            foreach (var part in parts) all += ExactMaster.Join(MemoryMarshal.Cast<byte, ushort>(part)[i], 0);
            sum[i] = ExactMaster.Split(all).Weight;
        }
    }
}
