using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Horizon.Flow.Bench;

/// <summary>Runs each row in a process of its own and prints the table.</summary>
internal static class TableCommand
{
    /// <summary>Measures and prints; 1 where a row is not within its allowance or failed.</summary>
    public static int Run(IReadOnlyList<MemoryRow> rows)
    {
        Console.WriteLine("| row | model | parameters | predicted MB | measured peak MB | difference MB | allowed MB | holds | before MB | load | first step | later steps | export | bytes a parameter, predicted by kind |");
        Console.WriteLine("|---|---|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|---|");
        var all = true;
        foreach (var row in rows)
        {
            var folder = Directory.CreateTempSubdirectory("horizon-bench-memory-").FullName;
            try
            {
                if (row.Checkpoint) Child(row, folder);
                var (measured, failure) = Child(row, folder);
                Console.WriteLine(measured is null ? $"| {row.Name} | {row.Shape.Name} | {failure} |" : Line(row, measured));
                all &= measured is { Holds: true };
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return all ? 0 : 1;
    }

    private static string Line(MemoryRow row, Measured seen)
    {
        var kinds = seen.Kinds.Select(kind => Text($"{kind.Key} {(double)kind.Value / seen.Parameters:0.00}"));
        var name = row.Shape.Name + (row.Clip ? ", clipping" : "") + (row.Checkpoint ? ", loaded from a checkpoint" : "");
        return Text($"| {row.Name} | {name} | {seen.Parameters:N0} | {Mega(seen.Predicted)} | {Mega(seen.Peak)} | {Mega(seen.Peak - seen.Predicted)} | {Mega(seen.Allowance)} | {(seen.Holds ? "yes" : "NO")} | ")
            + $"{Mega(seen.Start)} | {Mega(seen.Load)} | {Mega(seen.FirstStep)} | {Mega(seen.LaterSteps)} | {Mega(seen.Export)} | {string.Join("; ", kinds)} |";
    }

    private static (Measured? Measured, string Failure) Child(MemoryRow row, string folder)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["memory", MemoryVerb.Child, row.Name, folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? (JsonSerializer.Deserialize<Measured>(output), "")
            : (null, $"exit {process.ExitCode}: {error.Result.ReplaceLineEndings(" ")}");
    }

    private static string Mega(long bytes) => Text($"{bytes / 1e6:N0}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
