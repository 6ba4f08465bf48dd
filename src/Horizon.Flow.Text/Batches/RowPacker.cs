namespace Horizon.Flow.Text.Batches;

/// <summary>Puts segments into rows.</summary>
internal static class RowPacker
{
    /// <summary>A row for each segment.</summary>
    public static RowList OneEach(List<Segment> segments) => new([.. segments], [.. Enumerable.Range(1, segments.Count)]);

    /// <summary>One row after the other in the given order: a segment that does not fit begins the next row.</summary>
    public static RowList InOrder(List<Segment> segments, int sequenceLength)
    {
        var ends = new List<int>();
        var free = sequenceLength;
        for (var i = 0; i < segments.Count; i++)
        {
            if (segments[i].Length > free)
            {
                ends.Add(i);
                free = sequenceLength;
            }

            free -= segments[i].Length;
        }

        if (segments.Count > 0) ends.Add(segments.Count);
        return new RowList([.. segments], [.. ends]);
    }

    /// <summary>
    /// Best fit, longest first: each segment goes where the least room is left over. At most 11/9 of the fewest rows and one more
    /// (Johnson et al., SIAM J. Comput. 3, 1974). Equal segments keep their order, so the result depends on nothing else.
    /// </summary>
    public static RowList BestFit(List<Segment> segments, int sequenceLength)
    {
        var order = Sorted(segments.Count, sequenceLength + 1, i => sequenceLength - segments[i].Length, i => i).Order;
        var rowOf = new int[segments.Count];
        var rows = 0;
        var rooms = new SortedSet<(int Free, int Row)>();
        foreach (var i in order)
        {
            var segment = segments[i];
            // The least room that is enough; full rows are not in the set, so an empty view's default (0, 0) is none of it.
            var (free, row) = rooms.GetViewBetween((segment.Length, 0), (sequenceLength, int.MaxValue)).Min;
            if (free == 0) (free, row) = (sequenceLength, rows);
            if (row == rows) rows++;
            else rooms.Remove((free, row));
            rowOf[i] = row;
            if (free > segment.Length) rooms.Add((free - segment.Length, row));
        }

        var (byRow, ends) = Sorted(segments.Count, rows, i => rowOf[i], i => order[i]);
        return new RowList(Array.ConvertAll(byRow, i => segments[i]), ends);
    }

    /// <summary>Sorts the given items by a small number, those of one number in the given order; and where the items of each number end.</summary>
    private static (int[] Order, int[] Ends) Sorted(int count, int numbers, Func<int, int> numberOf, Func<int, int> given)
    {
        var ends = new int[numbers];
        for (var i = 0; i < count; i++) ends[numberOf(i)]++;
        for (var number = 1; number < numbers; number++) ends[number] += ends[number - 1];
        var sorted = new int[count];
        for (var place = count - 1; place >= 0; place--) sorted[--ends[numberOf(given(place))]] = given(place);
        // Filled from behind, each end has come to its own beginning, which is where the number before it ends.
        for (var number = 0; number < numbers; number++) ends[number] = number + 1 < numbers ? ends[number + 1] : count;
        return (sorted, ends);
    }
}
