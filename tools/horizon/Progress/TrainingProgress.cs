using Spectre.Console;

namespace Horizon.Flow.Cli;

/// <summary>Chooses how a run is shown.</summary>
public static class TrainingProgress
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(2);

    /// <summary>A live display where standard output is a terminal, plain lines where it is a pipe or a file.</summary>
    public static ITrainingProgress For(TextWriter output)
    {
        if (output is not PrintedWriter { Terminal: { } terminal }) return new PlainProgress(output, TimeProvider.System, LogInterval);
        AnsiConsole.Profile.Out = new AnsiConsoleOutput(terminal);
        return new LiveProgress(AnsiConsole.Console, TimeProvider.System, Refresh);
    }
}
