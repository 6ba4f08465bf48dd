using System.Runtime.InteropServices;

namespace Horizon.Flow.Distributed;

/// <summary>Numbers as what is brought to a meeting.</summary>
internal static class MeetingNumbers
{
    public static async Task<IReadOnlyList<double[]>> ExchangeAsync(IMeeting meeting, string line, double[] own, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(own);
        var all = await meeting.MeetAsync(line, [MemoryMarshal.AsBytes<double>(own).ToArray()], cancellationToken).ConfigureAwait(false);
        return [.. all.Select(bytes => MemoryMarshal.Cast<byte, double>(bytes).ToArray())];
    }
}
