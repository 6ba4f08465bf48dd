namespace Horizon.Flow.Models.Attention;

/// <summary>
/// How the ordered backward of flash takes the heads of few long rows. It cuts the keys of each head and row into as many parts as fill the
/// multiprocessors, rounded up: 28 heads of one row on 132 of these are 140 blocks, two rounds of which the second is almost empty. 22 heads and then 6
/// are one full round each.
/// </summary>
internal static class HeadGroups
{
    private const double WorthIt = 0.9;

    /// <summary>The counts of heads that are taken together, one after another; all at once where that is as good.</summary>
    /// <param name="heads">Query heads.</param>
    /// <param name="rows">Rows, each as long as the others.</param>
    /// <param name="multiprocessors">Of the device; 0 where it is not known.</param>
    public static IReadOnlyList<int> Of(int heads, long rows, int multiprocessors)
    {
        IReadOnlyList<int> best = [heads];
        if (multiprocessors == 0 || rows * heads >= 2 * multiprocessors) return best;
        var least = WorthIt * Rounds(heads, rows, multiprocessors);
        for (var first = heads - 1; 2 * first >= heads; first--)
        {
            var rounds = Rounds(first, rows, multiprocessors) + Rounds(heads - first, rows, multiprocessors);
            if (rounds >= least) continue;
            (best, least) = ([first, heads - first], rounds);
        }

        return best;
    }

    /// <summary>The time of a group, in rounds of all keys of one head and row.</summary>
    public static double Rounds(int heads, long rows, int multiprocessors)
    {
        var parts = Parts(heads, rows, multiprocessors);
        return (double)Ceiling(rows * heads * parts, multiprocessors) / parts;
    }

    /// <summary>Into how many parts the keys of each head and row are cut, each with its own sums.</summary>
    public static long Parts(int heads, long rows, int multiprocessors) => Ceiling(multiprocessors, rows * heads);

    private static long Ceiling(long value, long by) => (value + by - 1) / by;
}
