using System.Globalization;
using Horizon.Flow.Tests.Hostile;

namespace Horizon.Flow.Soak;

/// <summary>Runs many cases of each reader and prints a table.</summary>
internal static class FuzzRun
{
    /// <returns>0 where every file was read or refused as it should be; 1 otherwise; 2 for a hang.</returns>
    public static int Run(IReadOnlyList<HostileReader> readers, int cases, int first, TimeSpan limit, int mostFailures, TextWriter output)
    {
        var folder = Directory.CreateTempSubdirectory("horizon-fuzz-").FullName;
        var (total, failures) = (0, 0);
        try
        {
            output.WriteLine("| reader | files | read | refused | failed | slowest ms | most MiB allocated | s |");
            output.WriteLine("| --- | --: | --: | --: | --: | --: | --: | --: |");
            foreach (var reader in readers)
            {
                var tally = new FuzzTally(reader.Name);
                using var watch = new HangWatch(limit, output);
                for (var number = first; number < first + Math.Max(1, cases / readers.Count); number++)
                {
                    watch.Begin($"reader '{reader.Name}', file {number}");
                    // The whole process: some readers work on several threads.
                    var outcome = reader.Run(number, folder, () => GC.GetTotalAllocatedBytes(precise: false));
                    tally.Add(outcome);
                    if (outcome.Failure is { } failure && tally.Failed <= mostFailures) output.WriteLine($"FAILED {reader.Name} --first {number}: {failure}");
                }

                output.WriteLine(tally);
                (total, failures) = (total + tally.Files, failures + tally.Failed);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{total:N0} files, {failures:N0} failures"));
        return failures == 0 ? 0 : 1;
    }
}
