namespace Horizon.Flow.Text.Batches;

/// <summary>Puts segments into rows.</summary>
internal static class RowPacker
{
    /// <summary>One row after the other in the given order: a segment that does not fit begins the next row.</summary>
    public static List<Segment[]> InOrder(IEnumerable<Segment> segments, int sequenceLength)
    {
        var rows = new List<Segment[]>();
        var row = new List<Segment>();
        var free = sequenceLength;
        foreach (var segment in segments)
        {
            if (segment.Length > free)
            {
                rows.Add([.. row]);
                row.Clear();
                free = sequenceLength;
            }

            row.Add(segment);
            free -= segment.Length;
        }

        if (row.Count > 0) rows.Add([.. row]);
        return rows;
    }

    /// <summary>
    /// Best fit, longest first: each segment goes where the least room is left over. At most 11/9 of the fewest rows and one more
    /// (Johnson et al., SIAM J. Comput. 3, 1974). Equal segments keep their order, so the result depends on nothing else.
    /// </summary>
    public static List<Segment[]> BestFit(IEnumerable<Segment> segments, int sequenceLength)
    {
        var rows = new List<List<Segment>>();
        var rooms = new SortedSet<(int Free, int Row)>();
        foreach (var segment in segments.OrderByDescending(s => s.Length))
        {
            // The least room that is enough; full rows are not in the set, so an empty view's default (0, 0) is none of it.
            var (free, row) = rooms.GetViewBetween((segment.Length, 0), (sequenceLength, int.MaxValue)).Min;
            if (free == 0) (free, row) = (sequenceLength, rows.Count);
            if (row == rows.Count) rows.Add([]);
            else rooms.Remove((free, row));
            rows[row].Add(segment);
            if (free > segment.Length) rooms.Add((free - segment.Length, row));
        }

        return rows.ConvertAll(row => row.ToArray());
    }
}
