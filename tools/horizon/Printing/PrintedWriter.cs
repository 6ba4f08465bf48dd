using System.Text;
using Spectre.Console;

namespace Horizon.Flow.Cli;

/// <summary>
/// What a command prints to: nothing that is wrong with the terminal, pipe or file behind it ends the command, and control characters in what
/// models and files put into the text are spelled out.
/// </summary>
/// <param name="raw">Where it goes.</param>
public sealed class PrintedWriter(UnfailingWriter raw) : TextWriter
{
    private bool _told;

    /// <summary>
    /// For what brings control characters of its own, such as colours or a display that is redrawn; null where standard output is not meant, or is no
    /// terminal that understands them.
    /// </summary>
    public UnfailingWriter? Terminal =>
        raw.Inner is { } inner && ReferenceEquals(inner, Console.Out) && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi ? raw : null;

    /// <inheritdoc/>
    public override Encoding Encoding => raw.Encoding;

    /// <summary>Why text was lost, the first time that this is asked after it was; null otherwise.</summary>
    public string? TakeFailure()
    {
        if (_told || raw.Failure is not { } failure) return null;
        _told = true;
        return failure;
    }

    /// <inheritdoc/>
    public override void Write(char value) => Write(value.ToString());

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    /// <inheritdoc/>
    public override void Write(string? value) => raw.Write(Printable.Text(value ?? ""));

    /// <inheritdoc/>
    public override void WriteLine() => raw.WriteLine();

    /// <inheritdoc/>
    public override void WriteLine(string? value) => raw.WriteLine(Printable.Text(value ?? ""));

    /// <inheritdoc/>
    public override Task WriteAsync(string? value)
    {
        Write(value);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task WriteLineAsync()
    {
        WriteLine();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task WriteLineAsync(string? value)
    {
        WriteLine(value);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override void Flush() => raw.Flush();

    /// <inheritdoc/>
    public override Task FlushAsync()
    {
        Flush();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => FlushAsync();
}
