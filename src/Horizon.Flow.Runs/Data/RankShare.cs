namespace Horizon.Flow.Runs.Data;

/// <summary>
/// Which micro-batches of the one order are a rank's: number i of a step is rank i mod N's, so that the order does not depend on how many ranks there are. Every rank has as many; where
/// the last ones are missing, one that counts nothing stands in their place.
/// </summary>
/// <param name="Rank">From 0.</param>
/// <param name="Count">Ranks.</param>
internal sealed record RankShare(int Rank, int Count)
{
    /// <summary>One rank's.</summary>
    public static RankShare All { get; } = new(0, 1);

    /// <summary>The rank's part.</summary>
    /// <param name="indices">Of all micro-batches of a step, at least one.</param>
    /// <param name="get">Makes one of them.</param>
    public IReadOnlyList<MicroBatch> Of(IEnumerable<int> indices, Func<int, MicroBatch> get)
    {
        var all = indices.ToList();
        var places = (all.Count + Count - 1) / Count;
        return [.. Enumerable.Range(0, places).Select(place => (place * Count) + Rank).Select(i => i < all.Count ? get(all[i]) : get(all[0]).AsSpare())];
    }
}
