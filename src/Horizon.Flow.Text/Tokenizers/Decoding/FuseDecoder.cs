namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Joins all tokens into one string.</summary>
internal sealed class FuseDecoder : IDecoder
{
    public List<string> Decode(List<string> tokens) => [string.Concat(tokens)];
}
