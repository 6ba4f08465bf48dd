using System.Text.RegularExpressions;

namespace Horizon.Flow.Text;

/// <summary>Replaces every match of a pattern in each token.</summary>
internal sealed class ReplaceDecoder(Regex pattern, string content) : IDecoder
{
    public List<string> Decode(List<string> tokens) => tokens.ConvertAll(token =>
    {
        if (content.Length > 1) TextGrowth.Check((long)pattern.Count(token) * content.Length, token.Length);
        return pattern.Replace(token, _ => content);
    });
}
