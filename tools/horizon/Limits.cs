using System.Globalization;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Cli;

/// <summary>The limits that a system sets to a process (<c>ulimit</c>): what is too little to begin with, and what an error has to do with them.</summary>
public static class Limits
{
    private const string Here = "/proc/self/limits";

    /// <summary>Files that a run has open at once: with 100 the runtime aborts without a word of ours, with 150 a small run ends well.</summary>
    private const long LeastFiles = 256;

    // Reserved by the runtime, libtorch and the stacks of their threads: on two processors, with a model of a megabyte, 4.8 GiB were too little
    // (libgomp ends the process) and 5.7 enough. More processors have more threads.
    private const long LeastAddressSpace = 5L << 30;
    private const long LittleAddressSpace = 16L << 30;

    // EMFILE and ENFILE, the same on Linux and macOS.
    private static readonly int[] TooManyFiles = [24, 23];

    /// <summary>What keeps the program from running at all, in a sentence; null where nothing does or nothing is known.</summary>
    /// <param name="limits">The file in which the system tells a process its limits.</param>
    public static string? Problem(string limits = Here) =>
        Read(limits, "Max open files") is { } files && files < LeastFiles
            ? string.Create(CultureInfo.InvariantCulture, $"the process may open {files} files at once, a run needs {LeastFiles}; raise ulimit -n")
        : Read(limits, "Max address space") is { } bytes && bytes < LeastAddressSpace ? Narrow(bytes)
        : null;

    /// <summary>What a narrow limit may have to do with an error, in a sentence; null where there is none.</summary>
    /// <param name="limits">The file in which the system tells a process its limits.</param>
    public static string? Remark(string limits = Here) =>
        Read(limits, "Max address space") is { } bytes && bytes < LittleAddressSpace ? Narrow(bytes) : null;

    /// <summary>What mends the error, where it is of a limit; empty where it is not.</summary>
    public static string Hint(Exception error) => Cause(error) switch
    {
        OutOfMemoryException => "the machine, its container or ulimit -v gives no more memory; raise that, or lower training.batch_size (horizon plan says what a run needs)",
        IOException => "the process may open no more files at once; raise ulimit -n",
        _ => "",
    };

    private static string Narrow(long bytes) =>
        $"the process's address space is limited to {new ByteSize(bytes)}, of which the runtime, libtorch and their threads reserve about 5 GiB; raise ulimit -v or take the limit away";

    private static Exception? Cause(Exception? error) => error switch
    {
        null => null,
        OutOfMemoryException => error,
        IOException when TooManyFiles.Contains(error.HResult) => error,
        _ => Cause(error.InnerException),
    };

    // A line is a name, the soft limit, the hard one and a unit. The runtime raises soft limits to the hard ones where it can.
    private static long? Read(string file, string name)
    {
        try
        {
            foreach (var line in File.Exists(file) ? File.ReadAllLines(file) : [])
            {
                if (!line.StartsWith(name, StringComparison.Ordinal)) continue;
                var soft = line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
                return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or IndexOutOfRangeException)
        {
            return null; // not every system tells
        }

        return null;
    }
}
