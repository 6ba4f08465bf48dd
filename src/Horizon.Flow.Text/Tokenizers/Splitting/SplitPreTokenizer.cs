namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Cuts where a pattern matches (or, inverted, where it does not).</summary>
internal sealed class SplitPreTokenizer(CodePointRegex pattern, SplitBehavior behavior, bool invert, PatternClock clock) : IPreTokenizer
{
    public List<Piece> Split(List<Piece> pieces)
    {
        var result = new List<Piece>(pieces.Count * 4);
        var matches = new List<(int Start, int End)>();
        var watch = clock.Watch(pieces.Sum(piece => (long)piece.Length));
        foreach (var piece in pieces)
        {
            pattern.Matches(piece.Span, matches, watch);
            Cut(piece, matches, result);
        }

        watch.End();

        return result;
    }

    private void Cut(Piece piece, List<(int Start, int End)> matches, List<Piece> result)
    {
        var from = 0; // where the piece being built begins
        var previousMatched = false;
        var done = 0;
        foreach (var (start, end) in matches)
        {
            if (start > done) Take(done, start, invert);
            Take(start, end, !invert);
            done = end;
        }

        if (done < piece.Length) Take(done, piece.Length, invert);
        Flush(piece.Length);

        void Take(int start, int end, bool matched)
        {
            var joins = behavior switch
            {
                SplitBehavior.MergedWithPrevious => matched && !previousMatched,
                SplitBehavior.MergedWithNext => !matched && previousMatched,
                SplitBehavior.Contiguous => matched == previousMatched,
                _ => false,
            };
            if (!joins) Flush(start);
            previousMatched = matched;
            if (behavior == SplitBehavior.Removed && matched) from = end;
        }

        void Flush(int end)
        {
            if (end > from) result.Add(piece.Slice(from, end - from));
            from = Math.Max(from, end);
        }
    }
}
