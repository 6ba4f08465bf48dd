namespace Horizon.Flow.Distributed;

/// <summary>
/// Which micro-batches of the one order are a rank's: number i of a step is rank i mod N's, so that the order does not depend on how many ranks there are. Every rank has as many; where
/// the last ones are missing, one that counts nothing stands in their place.
/// </summary>
/// <param name="rank">From 0.</param>
/// <param name="count">Ranks.</param>
public sealed class RankShare(int rank, int count)
{
    /// <summary>One rank's.</summary>
    public static RankShare All { get; } = new(0, 1);

    /// <summary>That of one side of the ranks; of the only one where there are none.</summary>
    /// <param name="collectives">This rank's side; null where there is one.</param>
    public static RankShare For(ICollectives? collectives) => collectives is null ? All : new(collectives.Rank, collectives.Count);

    /// <summary>Which of so many things are the rank's: as many on every rank, so that the last ones may lie beyond the end.</summary>
    /// <param name="things">How many all ranks have.</param>
    public IReadOnlyList<int> PlacesOf(int things) => [.. Enumerable.Range(0, (things + count - 1) / count).Select(turn => (turn * count) + rank)];

    /// <summary>How many ranks there are.</summary>
    public int Count => count;

    /// <summary>The rank's part.</summary>
    /// <param name="indices">Of all micro-batches of a step, at least one.</param>
    /// <param name="get">Makes one of them.</param>
    public IReadOnlyList<MicroBatch> Of(IEnumerable<int> indices, Func<int, MicroBatch> get)
    {
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentNullException.ThrowIfNull(get);
        var all = indices.ToList();
        return [.. PlacesOf(all.Count).Select(place => place < all.Count ? get(all[place]) : get(all[0]).AsSpare())];
    }
}
