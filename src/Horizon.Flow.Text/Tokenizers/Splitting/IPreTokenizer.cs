namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Cuts a piece of text into smaller ones; pre-tokenizers of tokenizer.json. What becomes of a piece hangs on that piece alone.</summary>
internal interface IPreTokenizer
{
    /// <summary>Gives the parts one by one, in order: a long text has too many to be held.</summary>
    void Split(Piece piece, Action<Piece> give);
}
