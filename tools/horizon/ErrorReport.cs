using Horizon.Flow.Graph;

namespace Horizon.Flow.Cli;

/// <summary>Turns an exception into what the user reads and the program's exit code.</summary>
public static class ErrorReport
{
    /// <summary>Writes the error, a line for each thing that is wrong, and says what to exit with.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="output">Where to write.</param>
    /// <param name="verbose">Whether to add the stack trace.</param>
    public static int Write(Exception error, TextWriter output, bool verbose)
    {
        ArgumentNullException.ThrowIfNull(error);
        ArgumentNullException.ThrowIfNull(output);
        var isBug = Mendable(error) is null;
        var message = Mendable(error)?.Message ?? $"{(error as StageException)?.InnerException?.GetType().Name ?? error.GetType().Name}: {OneLine(error.Message)}";
        foreach (var line in message.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            output.WriteLine($"error: {line.TrimEnd()}");
        if (verbose)
            output.WriteLine(error);
        else if (isBug)
            output.WriteLine("this is a bug; run with --verbose for the stack");
        return isBug ? ExitCodes.Bug : ExitCodes.Failure;
    }

    // The outermost error with a message for users, also inside those that blocks and tasks wrap around it. Disks and permissions are the
    // user's to mend as well.
    private static Exception? Mendable(Exception? error) => error switch
    {
        null => null,
        // Says stage, unit and step before the cause's own message.
        StageException stage => Mendable(stage.InnerException) is null ? null : stage,
        HorizonException or IOException or UnauthorizedAccessException => error,
        _ => Mendable(error.InnerException),
    };

    private static string OneLine(string message) => message.ReplaceLineEndings(" ");
}
