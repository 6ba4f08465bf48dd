namespace Horizon.Flow.Runs.Planning;

/// <summary>Which batches fit and which of them is best.</summary>
/// <param name="Largest">The largest that fits and leaves the system room; null where none does.</param>
/// <param name="Recommended">The smallest that comes near the most tokens a second that any of these is predicted to reach; null where none fits.</param>
public sealed record BatchChoice(int? Largest, int? Recommended)
{
    // Beyond this share of the best predicted rate a larger batch is not worth its memory.
    private const double Near = 0.97;

    /// <summary>Looks for them. Memory grows with the batch, so the largest is found by halving.</summary>
    /// <param name="most">Rows beyond which nothing is gained.</param>
    /// <param name="fits">Whether a batch fits.</param>
    /// <param name="tokensPerSecond">What a batch that fits is predicted to reach.</param>
    public static BatchChoice Of(int most, Predicate<int> fits, Func<int, double> tokensPerSecond)
    {
        ArgumentNullException.ThrowIfNull(fits);
        ArgumentNullException.ThrowIfNull(tokensPerSecond);
        var (low, high) = (0, most);
        while (low < high)
        {
            var middle = low + ((high - low + 1) / 2);
            if (fits(middle)) low = middle;
            else high = middle - 1;
        }

        if (low == 0) return new(null, null);
        var candidates = Candidates(low).Select(batch => (Batch: batch, Rate: tokensPerSecond(batch))).ToList();
        var best = candidates.Max(candidate => candidate.Rate);
        return new(low, candidates.First(candidate => candidate.Rate >= Near * best).Batch);
    }

    // 1, 2, 3, 4, 6, 8, 12, 16, ... and the largest.
    private static IEnumerable<int> Candidates(int largest)
    {
        for (long batch = 1; batch < largest; batch *= 2)
        {
            yield return (int)batch;
            if (batch > 1 && batch * 3 / 2 < largest) yield return (int)(batch * 3 / 2);
        }

        yield return largest;
    }
}
