namespace Horizon.Flow;

/// <summary>
/// Something the user can mend: a bad file, a setting, too little memory. The message is one sentence that says what, where and how
/// to mend it; the command line prints it without a stack trace. What a file put into it is made safe for a terminal: control characters,
/// line feeds too, are spelled out, and the middle of an endless line is left out.
/// </summary>
public sealed class HorizonException : Exception
{
    private const int LongestLine = 1500;

    /// <summary>Creates the error.</summary>
    public HorizonException(string message)
        : base(Printable(message)) => Problems = [Message];

    /// <summary>Creates the error with what caused it.</summary>
    public HorizonException(string message, Exception innerException)
        : base(Printable(message), innerException) => Problems = [Message];

    /// <summary>Creates one error of several problems.</summary>
    /// <param name="problems">A sentence each; the message has a line for each.</param>
    /// <param name="innerException">What caused it; may be null.</param>
    public HorizonException(IReadOnlyList<string> problems, Exception? innerException = null)
        : base(string.Join('\n', problems.Select(Printable)), innerException) => Problems = [.. problems.Select(Printable)];

    /// <summary>Creates an empty error.</summary>
    public HorizonException() => Problems = [Message];

    /// <summary>All that is wrong, a sentence each.</summary>
    public IReadOnlyList<string> Problems { get; }

    private static string Printable(string message) =>
        message is null || (message.Length <= LongestLine && !message.Any(char.IsControl)) ? message! : SpellOut(Cut(message));

    private static string SpellOut(string line) => string.Concat(line.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));

    private static string Cut(string line) => line.Length <= LongestLine ? line : $"{line[..(LongestLine * 2 / 3)]} … {line[^(LongestLine / 3)..]}";
}
