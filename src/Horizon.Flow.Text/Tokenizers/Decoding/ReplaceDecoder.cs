using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Replaces every match of a pattern in each token.</summary>
internal sealed class ReplaceDecoder(Regex pattern, string content, PatternClock clock) : IDecoder
{
    public List<string> Decode(List<string> tokens)
    {
        var watch = clock.Watch(tokens.Sum(token => (long)token.Length));
        var decoded = tokens.ConvertAll(token =>
        {
            var made = 0L;
            var replaced = pattern.Replace(token, _ =>
            {
                watch.Matched();
                if (content.Length > 1) TextGrowth.Check(made += content.Length, token.Length);
                return content;
            });
            watch.Matched();
            return replaced;
        });
        watch.End();
        return decoded;
    }
}
