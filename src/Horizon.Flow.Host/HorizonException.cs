namespace Horizon.Flow;

/// <summary>
/// Something the user can mend: a bad file, a setting, too little memory. The message is one sentence that says what, where and how
/// to mend it; the command line prints it without a stack trace. What a file put into it is made safe for a terminal: control characters
/// are spelled out, and the middle of an endless line is left out.
/// </summary>
public sealed class HorizonException : Exception
{
    private const int LongestLine = 1500;

    /// <summary>Creates the error.</summary>
    public HorizonException(string message)
        : base(Printable(message))
    {
    }

    /// <summary>Creates the error with what caused it.</summary>
    public HorizonException(string message, Exception innerException)
        : base(Printable(message), innerException)
    {
    }

    /// <summary>Creates an empty error.</summary>
    public HorizonException()
    {
    }

    // Line feeds stay: several problems are a line each.
    private static string Printable(string message)
    {
        if (message is null || (message.Length <= LongestLine && !message.Any(c => char.IsControl(c) && c != '\n'))) return message!;
        return string.Join('\n', message.Split('\n').Select(line => SpellOut(Cut(line))));
    }

    private static string SpellOut(string line) => string.Concat(line.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));

    private static string Cut(string line) => line.Length <= LongestLine ? line : $"{line[..(LongestLine * 2 / 3)]} … {line[^(LongestLine / 3)..]}";
}
