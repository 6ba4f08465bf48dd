namespace Horizon.Flow.Cli;

/// <summary>The limits that a system sets to a process: how an error says that one was reached, and what mends it.</summary>
internal static class Limits
{
    // EMFILE and ENFILE, the same on Linux and macOS.
    private static readonly int[] TooManyFiles = [24, 23];

    /// <summary>What to add to an error's message; empty where it is of no limit.</summary>
    public static string Hint(Exception error) => Cause(error) switch
    {
        OutOfMemoryException => "; the machine, its container or ulimit -v allows no more memory: raise that, or lower training.batch_size (horizon plan says what a run needs)",
        IOException => "; the process may open no more files at once: raise ulimit -n",
        _ => "",
    };

    private static Exception? Cause(Exception? error) => error switch
    {
        null => null,
        OutOfMemoryException => error,
        IOException when TooManyFiles.Contains(error.HResult) => error,
        _ => Cause(error.InnerException),
    };
}
