using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Runs whose ranks are processes, as <c>horizon train --ranks N</c> starts them.</summary>
internal static class RankProcesses
{
    /// <summary>Starts the program, which starts the ranks.</summary>
    public static Process Start(RunFolder run, int ranks, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "horizon.dll"), "train", run.In("run.yaml"), "--ranks", $"{ranks}", .. arguments]) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>The process of a rank: the launcher's child with that rank in its variables. Linux alone has it in /proc.</summary>
    public static int Of(Process launcher, int rank) => Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsDigit)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).Single(process =>
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == $"{launcher.Id}" && File.ReadAllText($"/proc/{process}/environ").Split('\0').Contains($"RANK={rank}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false; // gone meanwhile, or another's
        }
    });

    /// <summary>
    /// Sends a signal as soon as a line of the output begins so. From a thread of its own: where the pool is busy with other tests, a short run would be over before this one looked.
    /// </summary>
    /// <param name="process">The launcher.</param>
    /// <param name="begins">How that line begins.</param>
    /// <param name="signal">9 or 15.</param>
    /// <param name="rank">Which rank gets it; null for the launcher.</param>
    /// <param name="never">What no line before it has.</param>
    public static Task SignalAtAsync(Process process, string begins, int signal, int? rank = null, string never = "error") => Task.Factory.StartNew(
        () =>
        {
            while (process.StandardOutput.ReadLine() is { } line && !line.StartsWith(begins, StringComparison.Ordinal)) Assert.DoesNotContain(never, line, StringComparison.Ordinal);
            Signal(rank is { } number ? Of(process, number) : process.Id, signal);
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    /// <summary>Sends a signal.</summary>
    public static void Signal(int process, int signal) => Assert.Equal(0, Kill(process, signal));

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
