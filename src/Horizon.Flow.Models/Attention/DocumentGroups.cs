namespace Horizon.Flow.Models.Attention;

// A step of work is what a block does for 64 queries and 128 keys.

/// <summary>
/// How the ordered backward of flash takes documents of unequal lengths. It cuts the keys of every head and document into as many parts as fill the multiprocessors,
/// which is one where there are many documents: then a block goes alone through all keys of the longest, and most of the device waits for it. Taken apart from
/// the others, a long document is cut into many parts.
/// </summary>
internal static class DocumentGroups
{
    private const int KeysOfBlock = 128;
    private const int QueriesOfStep = 64;

    // What another launch costs, in steps of some four microseconds on an H100.
    private const double Launch = 16;

    // What a token costs for each part and head, whose sums are zeroed and added up: 128 channels in fp32, at device memory's rate.
    private const double Sums = 8.5e-5;

    // More documents of a few heads fill any device, and another launch is little beside them.
    private const int Most = 256;

    /// <summary>How many documents, neighbours each, are taken together, one group after another, so that it takes the least time by <see cref="Steps"/>.</summary>
    /// <param name="lengths">Tokens of each document, in the order in which they lie.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="multiprocessors">Of the device; 0 where it is not known, and all are taken together.</param>
    public static IReadOnlyList<int> Of(IReadOnlyList<int> lengths, int heads, int? window, int multiprocessors)
    {
        if (multiprocessors == 0) return [lengths.Count];
        var least = new double[lengths.Count + 1];
        var begins = new int[lengths.Count + 1];
        for (var end = 1; end <= lengths.Count; end++)
        {
            least[end] = double.PositiveInfinity;
            var group = new Group(heads, window, multiprocessors);
            for (var first = end - 1; first >= 0 && end - first <= Most; first--)
            {
                group.Add(lengths[first]);
                if (least[first] + group.Steps is var steps && steps < least[end]) (least[end], begins[end]) = (steps, first);
            }
        }

        var counts = new List<int>();
        for (var end = lengths.Count; end > 0; end = begins[end]) counts.Add(end - begins[end]);
        counts.Reverse();
        return lengths.Count > Most && Steps(lengths, heads, window, multiprocessors) <= least[^1] ? [lengths.Count] : counts;
    }

    /// <summary>The time of documents that are taken together, in steps.</summary>
    public static double Steps(IReadOnlyList<int> lengths, int heads, int? window, int multiprocessors)
    {
        var group = new Group(heads, window, multiprocessors);
        foreach (var length in lengths) group.Add(length);
        return group.Steps;
    }

    private sealed class Group(int heads, int? window, int multiprocessors)
    {
        private readonly List<int> _lengths = [];
        private long _tokens;
        private double _longest;
        private double _sum;

        // The longest block, or all of them by turns.
        public double Steps => Launch + (Sums * Parts * heads * _tokens) + Math.Max(_longest, heads * _sum / multiprocessors);

        private long Parts => HeadGroups.Parts(heads, _lengths.Count, multiprocessors);

        public void Add(int length)
        {
            var before = _lengths.Count == 0 ? 0 : Parts;
            _lengths.Add(length);
            _tokens += length;
            var parts = Parts;
            if (parts == before) Count(length, parts);
            else
            {
                (_longest, _sum) = (0, 0);
                foreach (var one in _lengths) Count(one, parts);
            }
        }

        // A part has every so manieth block of keys; each is seen by the queries from it on, half of the document on the average.
        private void Count(int length, long parts)
        {
            var keys = (length + KeysOfBlock - 1) / KeysOfBlock;
            var queries = Math.Min((length + KeysOfBlock) / 2.0, (window ?? length) + KeysOfBlock) / QueriesOfStep;
            _longest = Math.Max(_longest, (keys + parts - 1) / parts * queries);
            _sum += keys * queries;
        }
    }
}
