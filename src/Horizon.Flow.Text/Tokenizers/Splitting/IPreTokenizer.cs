namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Cuts pieces of text into smaller ones; pre-tokenizers of tokenizer.json.</summary>
internal interface IPreTokenizer
{
    List<Piece> Split(List<Piece> pieces);
}
