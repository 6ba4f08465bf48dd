namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Takes up to so many of one character from the start and the end of each token.</summary>
internal sealed class StripDecoder(char content, int start, int stop) : IDecoder
{
    public List<string> Decode(List<string> tokens) => tokens.ConvertAll(token =>
    {
        var from = 0;
        while (from < Math.Min(start, token.Length) && token[from] == content) from++;
        var to = token.Length;
        while (to > from && token.Length - to < stop && token[to - 1] == content) to--;
        return token[from..to];
    });
}
