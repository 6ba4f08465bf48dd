using System.Text.RegularExpressions;

namespace Horizon.Flow.Text;

/// <summary>Replaces every match of a pattern in each token.</summary>
internal sealed class ReplaceDecoder(Regex pattern, string content) : IDecoder
{
    public List<string> Decode(List<string> tokens) => tokens.ConvertAll(token => pattern.Replace(token, _ => content));
}
