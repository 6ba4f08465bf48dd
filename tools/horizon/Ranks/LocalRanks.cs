using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Horizon.Flow.Distributed;

namespace Horizon.Flow.Cli;

/// <summary>Starts ranks on this machine as torchrun would: the same command line in as many processes, each with its variables. Their output is this process's.</summary>
internal static partial class LocalRanks
{
    /// <summary>A <see cref="NodePlace.Port"/> that is chosen when the ranks are started.</summary>
    public const int AnyPort = 0;

    private const string OperatorThreads = "OMP_NUM_THREADS";

    // A rank that has failed ends the others by itself; this is for one that cannot.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    /// <summary>Starts them and waits for their end.</summary>
    /// <param name="node">Which.</param>
    /// <param name="arguments">The words after the program's name, without those that ask for ranks.</param>
    /// <returns>0 where all ended well, else the code of the first that did not, or 128 and the number of the signal that they were sent and stopped for.</returns>
    public static async Task<int> RunAsync(NodePlace node, IReadOnlyList<string> arguments)
    {
        var ranks = new List<Process>();
        var asked = 0;
        using var port = node.Port == AnyPort ? FreePort.Take() : null;
        if (port is not null) node = node with { Port = port.Number };
        // Ctrl-C comes to all processes of the terminal by itself; what comes to this one alone is passed on.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var end = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => PassOn(context, 15));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => PassOn(context, 1));
        try
        {
            for (var rank = 0; rank < node.Ranks; rank++) ranks.Add(Start(node.RankOf(rank), arguments));
            var ends = ranks.Select(rank => rank.WaitForExitAsync()).ToList();
            var code = 0;
            while (ends.Count > 0)
            {
                var all = Task.WhenAll(ends);
                var ended = code == 0 ? await Task.WhenAny(ends).ConfigureAwait(false) : await Task.WhenAny(all, Task.Delay(_patience)).ConfigureAwait(false);
                if (code != 0 && ended != all) break; // what is left is killed
                ends.RemoveAll(one => one.IsCompleted);
                if (code == 0) code = ranks.Where(rank => rank.HasExited).Select(rank => rank.ExitCode).FirstOrDefault(one => one != 0);
            }

            // A rank that heard late of a signal may first have heard that another, which had it, is gone.
            var stopped = 128 + Volatile.Read(ref asked);
            return ranks.Any(rank => rank.HasExited && rank.ExitCode == stopped) ? stopped : code;
        }
        finally
        {
            foreach (var rank in ranks)
            {
                if (!rank.HasExited) rank.Kill();
                rank.Dispose();
            }
        }

        void PassOn(PosixSignalContext context, int signal)
        {
            context.Cancel = true;
            Volatile.Write(ref asked, signal);
            foreach (var rank in ranks.ToList())
                if (!rank.HasExited) _ = Kill(rank.Id, signal);
        }
    }

    private static Process Start(RankPlace place, IReadOnlyList<string> arguments)
    {
        var program = Environment.ProcessPath ?? throw new HorizonException("the program's own path is not known, so it cannot start ranks of itself; use torchrun or mpirun");
        var start = new ProcessStartInfo(program) { UseShellExecute = false };
        // Under `dotnet horizon.dll` the program is dotnet, and its first word the assembly.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        foreach (var (name, value) in new (string, int)[] { ("RANK", place.Rank), ("WORLD_SIZE", place.Count), ("LOCAL_RANK", place.LocalRank), ("LOCAL_WORLD_SIZE", place.LocalCount), ("MASTER_PORT", place.Port) })
            start.Environment[name] = value.ToString(CultureInfo.InvariantCulture);
        start.Environment["MASTER_ADDR"] = place.Address;
        start.Environment[LauncherWatch.Here.Key] = LauncherWatch.Here.Value;
        // Ranks that each take all processors for an operator wait for each other instead of computing.
        if (!start.Environment.ContainsKey(OperatorThreads)) start.Environment[OperatorThreads] = Math.Max(1, Environment.ProcessorCount / place.LocalCount).ToString(CultureInfo.InvariantCulture);
        return Process.Start(start) ?? throw new HorizonException($"rank {place.Rank} could not be started");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
