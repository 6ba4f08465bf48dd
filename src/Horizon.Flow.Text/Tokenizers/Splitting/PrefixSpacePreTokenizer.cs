namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Sets a space before a piece that begins with none.</summary>
internal sealed class PrefixSpacePreTokenizer : IPreTokenizer
{
    public void Split(Piece piece, Action<Piece> give) =>
        give(piece.Length == 0 || piece.Span[0] == ' ' ? piece : new Piece(PrependNormalizer.Prepend(piece, " ")));
}
