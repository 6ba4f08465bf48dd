using System.Globalization;

namespace Horizon.Flow.Soak;

/// <summary>A table of readings, and what has grown from one to the last.</summary>
/// <param name="output">Takes the table, a line as it comes.</param>
/// <param name="counted">What is counted, in the singular: a step, a start.</param>
/// <param name="latePerThousand">How many tensors may come late in a thousand of them.</param>
internal sealed class Readings(TextWriter output, string counted, int latePerThousand)
{
    private readonly List<(long Done, ProcessReading Reading)> _readings = [];

    public async Task BeginAsync()
    {
        await output.WriteLineAsync($"| {counted} | loss | resident MiB | managed MiB | tensors | files | threads | leases out |").ConfigureAwait(false);
        await output.WriteLineAsync("| --: | --: | --: | --: | --: | --: | --: | --: |").ConfigureAwait(false);
    }

    /// <summary>Reads the process.</summary>
    public async Task TakeAsync(long done, double loss, int leases)
    {
        var reading = ProcessReading.Take();
        _readings.Add((done, reading));
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"| {done:N0} | {loss:F4} | {Mebibytes(reading.Resident):F1} | {Mebibytes(reading.Heap):F1} | {reading.Tensors} | {reading.Files} | {reading.Threads} | {leases} |")).ConfigureAwait(false);
    }

    /// <summary>Says what grew after the process had settled.</summary>
    /// <returns>0 where nothing did, and nothing else was wrong.</returns>
    public async Task<int> EndAsync(long settled, double growthPercent, params IEnumerable<string> otherProblems)
    {
        List<string> problems = [.. Grown(settled, growthPercent), .. otherProblems];
        foreach (var problem in problems) await output.WriteLineAsync($"FAILED: {problem}").ConfigureAwait(false);
        if (problems.Count == 0) await output.WriteLineAsync("nothing grew, every lease came back").ConfigureAwait(false);
        return problems.Count == 0 ? 0 : 1;
    }

    private IEnumerable<string> Grown(long settled, double growthPercent)
    {
        var (firstDone, first) = _readings.Find(reading => reading.Done >= settled);
        var (lastDone, last) = _readings[^1];
        if (first is null || lastDone == firstDone) return [$"there are no two readings after the run settled; do more {counted}s"];
        var growth = 100.0 * (last.Resident - first.Resident) / first.Resident;
        var problems = new List<string>();
        if (growth > growthPercent) problems.Add(string.Create(CultureInfo.InvariantCulture, $"resident memory grew by {growth:F2} % from {counted} {firstDone} to {lastDone}"));
        if (last.Tensors - first.Tensors > (lastDone - firstDone) * latePerThousand / 1000) problems.Add($"{last.Tensors - first.Tensors} more tensors");
        if (last.Files > first.Files) problems.Add($"{last.Files - first.Files} more open files");
        // The thread pool comes and goes by a few.
        if (last.Threads > first.Threads + Environment.ProcessorCount) problems.Add($"{last.Threads - first.Threads} more threads");
        return problems;
    }

    private static double Mebibytes(long bytes) => bytes / 1048576.0;
}
