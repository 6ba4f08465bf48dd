using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

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
    public void AllGather(DeviceBuffer slice, DeviceBuffer whole, SharedStretch stretch, nint stream)
    {
        stretch.Require(Rank, Count, slice, whole);
        var all = Meet([Elements(slice, stretch.Places[Rank], stretch.Counts[Rank]).ToArray()]);
        for (var rank = 0; rank < Count; rank++) all[rank].CopyTo(Elements(whole, stretch.Firsts[rank], stretch.Counts[rank]));
    }

    /// <inheritdoc/>
    public void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, SharedStretch stretch, nint stream)
    {
        stretch.Require(Rank, Count, slice, whole);
        var parts = Meet([.. Enumerable.Range(0, Count).Select(rank => Elements(whole, stretch.Firsts[rank], stretch.Counts[rank]).ToArray())]);
        HostSums.Add(slice.ElementType, Count, rank => parts[rank], Elements(slice, stretch.Places[Rank], stretch.Counts[Rank]));
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

    private static unsafe Span<byte> Elements(DeviceBuffer buffer, long first, long count)
    {
        var size = buffer.ElementType.ByteSize();
        return new((byte*)buffer.Address + (first * size), checked((int)(count * size)));
    }
}
