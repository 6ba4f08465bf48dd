namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Sets a string before every text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public AlignedText Normalize(AlignedText text)
    {
        TextGrowth.Check(prefix.Length, text.Text.Length);
        return text.Text.Length == 0 ? text : Prepend(new Piece(text), prefix);
    }

    /// <summary>The piece with a prefix, which stands for no character of the source.</summary>
    public static AlignedText Prepend(Piece piece, string prefix)
    {
        var builder = new AlignedText.Builder(piece.Length + prefix.Length);
        builder.Append(prefix, piece.SourceStart(0), piece.SourceStart(0));
        for (var i = 0; i < piece.Length; i++) builder.Append(piece.Span[i], piece.SourceStart(i), piece.SourceEnd(i));
        return builder.Build();
    }
}
