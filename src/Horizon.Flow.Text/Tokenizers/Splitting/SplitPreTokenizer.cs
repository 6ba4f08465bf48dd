namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Cuts where a pattern matches (or, inverted, where it does not).</summary>
internal sealed class SplitPreTokenizer(CodePointRegex pattern, SplitBehavior behavior, bool invert, PatternClock clock) : IPreTokenizer
{
    /// <summary>Whether each match and each stretch between two is a piece of its own.</summary>
    public bool IsPlain { get; } = behavior == SplitBehavior.Isolated;

    /// <summary>What cuts texts where it is plain and its pattern is known; otherwise null.</summary>
    public WordScanner? Scanner => IsPlain ? pattern.Scanner : null;

    /// <summary>The same as <see cref="Split"/> where it is plain, the pieces as places in the piece.</summary>
    public void SplitPlainly<T>(Piece piece, ref T sink)
        where T : struct, IMatchSink
    {
        var watch = clock.Watch(piece.Length);
        var between = new Between<T>(sink);
        pattern.Matches(piece.Span, watch, ref between);
        watch.End();
        if (between.Done < piece.Length) sink.Take(between.Done, piece.Length);
    }

    public void Split(Piece piece, Action<Piece> give)
    {
        var watch = clock.Watch(piece.Length);
        var from = 0; // where the piece being built begins
        var previousMatched = false;
        var done = 0;
        pattern.Matches(piece.Span, watch, (start, end) =>
        {
            if (start > done) Take(done, start, invert);
            Take(start, end, !invert);
            done = end;
        });
        watch.End();
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
            if (end > from) give(piece.Slice(from, end - from));
            from = Math.Max(from, end);
        }
    }

    private struct Between<T>(T sink) : IMatchSink
        where T : struct, IMatchSink
    {
        public int Done { get; private set; }

        public void Take(int start, int end)
        {
            if (start > Done) sink.Take(Done, start);
            sink.Take(start, end);
            Done = end;
        }
    }
}
