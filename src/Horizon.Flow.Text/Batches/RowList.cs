namespace Horizon.Flow.Text.Batches;

/// <summary>Rows of segments, one behind the other in one array: there may be millions.</summary>
/// <param name="segments">All segments, row by row.</param>
/// <param name="ends">For each row, where it ends there.</param>
internal sealed class RowList(Segment[] segments, int[] ends)
{
    public int Count => ends.Length;

    /// <summary>The segments of a row.</summary>
    public ArraySegment<Segment> this[int row]
    {
        get
        {
            var start = row == 0 ? 0 : ends[row - 1];
            return new ArraySegment<Segment>(segments, start, ends[row] - start);
        }
    }

    /// <summary>Tokens of a row.</summary>
    public int Tokens(int row)
    {
        var tokens = 0;
        foreach (var segment in this[row]) tokens += segment.Length;
        return tokens;
    }

    /// <summary>What it takes of memory, in bytes.</summary>
    public long HostBytes => (16L * segments.Length) + (4L * ends.Length);
}
