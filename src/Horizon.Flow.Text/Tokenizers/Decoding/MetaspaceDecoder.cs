namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Turns the visible spaces of Metaspace back, and drops the one set before the first token.</summary>
internal sealed class MetaspaceDecoder(char replacement, PrependScheme scheme) : IDecoder
{
    public List<string> Decode(List<string> tokens)
    {
        var result = tokens.ConvertAll(token => token.Replace(replacement, ' '));
        if (scheme != PrependScheme.Never && tokens.Count > 0)
            result[0] = tokens[0].Replace(replacement.ToString(), "", StringComparison.Ordinal);
        return result;
    }
}
