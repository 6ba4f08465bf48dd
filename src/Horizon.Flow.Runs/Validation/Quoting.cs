using System.Text;

namespace Horizon.Flow.Runs.Validation;

/// <summary>Shows text from a file inside a one-line message.</summary>
internal static class Quoting
{
    private const int MaxCharacters = 80;

    /// <summary>The text without line breaks and control characters, cut after 80 characters.</summary>
    public static string OneLine(string text)
    {
        var line = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (line.Length >= MaxCharacters)
                return line.Append('…').ToString();
            line.Append(Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029 ? " " : rune.ToString());
        }
        return line.ToString();
    }
}
