using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Reads patterns of tokenizer.json: {"String": "..."} or {"Regex": "..."}.</summary>
internal static class PatternReader
{
    /// <summary>How long one match may be looked for: a pattern from a file may backtrack without end.</summary>
    public static readonly TimeSpan LongestMatch = TimeSpan.FromSeconds(2);

    private const int LongestPattern = 1 << 14;

    public static CodePointRegex ReadCodePoints(JsonPart pattern) => Try(pattern, source => new CodePointRegex(source));

    public static Regex Read(JsonPart pattern) => Try(pattern, source => new Regex(source, RegexOptions.CultureInvariant, LongestMatch));

    public static char ReadCharacter(JsonPart part, char otherwise)
    {
        var text = part.AsString(otherwise.ToString());
        return text.Length == 1 ? text[0] : throw part.Error("must be one character.");
    }

    private static T Try<T>(JsonPart pattern, Func<string, T> read)
    {
        if (pattern.IsString) return read(Regex.Escape(pattern.AsString()));
        if (pattern.Optional("String") is { IsNull: false } literal) return read(Regex.Escape(literal.AsString()));
        var regex = pattern.Required("Regex");
        var source = regex.AsString();
        if (source.Length > LongestPattern) throw regex.Error($"is longer than {LongestPattern} characters.");
        try
        {
            return read(source);
        }
        catch (ArgumentException e)
        {
            throw regex.Error($"is not a regular expression that .NET reads ({e.Message})", e);
        }
    }
}
