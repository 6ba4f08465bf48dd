namespace Horizon.Flow.Cli;

/// <summary>Text of models and files as it may go to a terminal: control characters, which colour, retitle and overwrite, are spelled out.</summary>
public static class Printable
{
    /// <summary>The text; line feeds and tabs stay.</summary>
    public static string Text(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Any(c => IsSpelledOut(c, isOneLine: false)) ? Spell(text.Replace("\r\n", "\n", StringComparison.Ordinal), isOneLine: false) : text;
    }

    /// <summary>The text as one line, so that nothing in it can pose as a line of the program's own.</summary>
    public static string Line(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Any(c => IsSpelledOut(c, isOneLine: true)) ? Spell(text, isOneLine: true) : text;
    }

    private static string Spell(string text, bool isOneLine) =>
        string.Concat(text.Select(c => IsSpelledOut(c, isOneLine) ? $"\\u{(int)c:x4}" : c.ToString()));

    private static bool IsSpelledOut(char c, bool isOneLine) => char.IsControl(c) && c != '\t' && (isOneLine || c != '\n');
}
