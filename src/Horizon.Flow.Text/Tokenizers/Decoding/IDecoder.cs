namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Turns the strings of tokens towards text; decoders of tokenizer.json. The results, joined, are the text.</summary>
internal interface IDecoder
{
    List<string> Decode(List<string> tokens);
}
