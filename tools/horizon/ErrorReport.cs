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
        var mendable = Mendable(error);
        foreach (var line in mendable is null ? [Unexpected(error)] : Sentences(mendable))
            output.WriteLine($"error: {line}");
        if (Limits.Remark() is { } remark)
            output.WriteLine(remark);
        if (verbose)
            output.WriteLine(error);
        else if (mendable is null)
            output.WriteLine("this is a bug; run with --verbose for the stack");
        return mendable is null ? ExitCodes.Bug : ExitCodes.Failure;
    }

    private static IEnumerable<string> Sentences(Exception mendable) =>
        mendable is HorizonException { Problems: var problems } ? problems : [Printable.Line(Sentence(mendable))];

    private static string Sentence(Exception mendable) => (mendable, Limits.Hint(mendable)) switch
    {
        (OutOfMemoryException, var hint) => $"out of memory: {hint}", // its own message tells nothing
        (_, "") => mendable.Message,
        (_, var hint) => $"{mendable.Message.TrimEnd('.')}: {hint}",
    };

    private static string Unexpected(Exception error) =>
        Printable.Line($"{(error as StageException)?.InnerException?.GetType().Name ?? error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")}");

    // The outermost error with a message for users, also inside those that blocks and tasks wrap around it. Disks, permissions and limits are
    // the user's to mend as well.
    private static Exception? Mendable(Exception? error) => error switch
    {
        null => null,
        // Says stage, unit and step before the cause's own message.
        StageException stage => Mendable(stage.InnerException) is null ? null : stage,
        HorizonException or IOException or UnauthorizedAccessException or OutOfMemoryException => error,
        _ => Mendable(error.InnerException),
    };
}
