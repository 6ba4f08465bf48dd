using Horizon.Flow.Devices;

namespace Horizon.Flow.Distributed;

/// <summary>Ranks that are not there, for plans: what each would hold is worked out, nothing runs.</summary>
/// <param name="count">How many there would be.</param>
/// <param name="rank">Which one is looked at; the first by default.</param>
public sealed class PlannedRanks(int count, int rank = 0) : ICollectives
{
    /// <inheritdoc/>
    public int Rank => rank;

    /// <inheritdoc/>
    public int Count => count;

    /// <inheritdoc/>
    public void AllGather(DeviceBuffer slice, DeviceBuffer whole, SharedStretch stretch, nint stream) => throw OnlyPlanned();

    /// <inheritdoc/>
    public void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, SharedStretch stretch, nint stream) => throw OnlyPlanned();

    /// <inheritdoc/>
    public Task<byte[][]> ExchangeAsync(string line, byte[] own, CancellationToken cancellationToken = default) => throw OnlyPlanned();

    /// <inheritdoc/>
    public void Abort(string why)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private InvalidOperationException OnlyPlanned() => new($"rank {rank} of {count} is only planned; join the ranks with {nameof(RankGroup)}.{nameof(RankGroup.JoinAsync)} to run");
}
