using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>SentencePiece's way: spaces become a visible character, one is set before the text, and words begin with it.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme scheme, bool split, PatternClock clock) : IPreTokenizer
{
    private readonly SplitPreTokenizer? _words = split
        ? new SplitPreTokenizer(new CodePointRegex(Regex.Escape(replacement.ToString())), SplitBehavior.MergedWithNext, invert: false, clock)
        : null;

    public void Split(Piece piece, Action<Piece> give)
    {
        if (_words is null) give(Mark(piece));
        else _words.Split(Mark(piece), give);
    }

    private Piece Mark(Piece piece)
    {
        if (piece.Length == 0) return piece;
        var isFirst = piece.SourceStart(0) == 0;
        var prepend = piece.Span[0] != replacement && piece.Span[0] != ' '
            && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && isFirst));
        var builder = new AlignedText.Builder(piece.Length + 1);
        if (prepend) builder.Append(replacement, piece.SourceStart(0), piece.SourceStart(0));
        for (var i = 0; i < piece.Length; i++)
            builder.Append(piece.Span[i] == ' ' ? replacement : piece.Span[i], piece.SourceStart(i), piece.SourceEnd(i));
        return new Piece(builder.Build());
    }
}
