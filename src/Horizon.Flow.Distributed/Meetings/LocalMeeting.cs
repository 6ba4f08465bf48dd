namespace Horizon.Flow.Distributed;

/// <summary>Ranks of one process, for tests and for trying things out: each on threads of its own.</summary>
public sealed class LocalMeeting : IMeeting
{
    private readonly MeetingTable _table;
    private readonly MeetingWaits[] _all;

    private LocalMeeting(int rank, MeetingTable table, MeetingWaits[] all) => (Rank, _table, _all) = (rank, table, all);

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Count => _all.Length;

    /// <inheritdoc/>
    public CancellationToken Ended => Own.Ended;

    /// <inheritdoc/>
    public string? Why => Own.Why;

    private MeetingWaits Own => _all[Rank];

    /// <summary>The sides of so many ranks.</summary>
    public static IReadOnlyList<LocalMeeting> Create(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var (table, all) = (new MeetingTable(count), Enumerable.Range(0, count).Select(_ => new MeetingWaits()).ToArray());
        return [.. Enumerable.Range(0, count).Select(rank => new LocalMeeting(rank, table, all))];
    }

    /// <inheritdoc/>
    public Task<byte[][]> MeetAsync(string line, byte[][] parts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(parts);
        var (number, home) = Own.Next(line);
        if (_table.Bring(Rank, line, number, parts) is { } brought)
            for (var rank = 0; rank < Count; rank++) _all[rank].TakeHome(line, number, MeetingTable.For(rank, brought));
        return home.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Abort(string why)
    {
        foreach (var waits in _all) waits.End($"rank {Rank} ended the ranks: {why}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Others may still ask why; there is nothing to give back but a token source.
    }
}
