using System.Diagnostics;
using System.Globalization;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Bench;

/// <summary>Runs all measurements and prints a line for each as it ends.</summary>
internal static class HostBench
{
    public static async Task RunAsync(BenchSettings settings)
    {
        foreach (var line in HostMachine.Describe()) Console.WriteLine(settings.Csv ? $"# {line}" : line);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(settings.Csv ? "# " : "")}{settings.Parameters / 1e6:0.#} M parameters, median of at least {settings.Seconds} s each"));
        Console.WriteLine(BenchRow.Head(settings.Csv));
        foreach (var threads in settings.Threads)
        {
            using var workers = new HostWorkers(threads, settings.Pin ? WorkerPlacement.Cores : WorkerPlacement.Nodes);
            var triad = 0.0;
            foreach (var row in Triad.Measure(workers, settings).ToList())
            {
                triad = Math.Max(triad, row.BytesPerSecond);
                Print(row with { Triad = triad }, settings);
            }

            foreach (var row in UpdateBench.Measure(workers, settings)) Print(row with { Triad = triad }, settings);
            if (settings.Copies is { } device)
            {
                await using var traffic = new CopyTraffic(device, workers);
                foreach (var row in UpdateBench.Measure(workers, settings)) Print(row with { Name = $"{row.Name}, copies", Triad = triad }, settings);
                Console.WriteLine(settings.Csv ? $"# {traffic.Rates}" : traffic.Rates);
            }

            if (settings.Rival) Print(Rival.Measure(threads, settings) with { Triad = triad }, settings);
        }
    }

    /// <summary>The median and the least time of one call, in seconds, after two that do not count.</summary>
    public static Timing Time(double seconds, Action call)
    {
        call();
        call();
        var times = new List<double>();
        for (var total = 0.0; total < seconds || times.Count < 5; total += times[^1])
        {
            var start = Stopwatch.GetTimestamp();
            call();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        times.Sort();
        return new(times[times.Count / 2], times[0]);
    }

    private static void Print(BenchRow row, BenchSettings settings) => Console.WriteLine(row.Line(settings.Csv));
}
