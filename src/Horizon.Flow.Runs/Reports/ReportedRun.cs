using Horizon.Flow.Graph;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Runs.Metrics;

namespace Horizon.Flow.Runs.Reports;

/// <summary>What a run left in its output folder; all but the metrics may be missing.</summary>
/// <param name="Name">How the report calls it.</param>
/// <param name="Metrics">Its lines.</param>
/// <param name="Facts">What it was.</param>
/// <param name="Shares">Where the time of each stage went.</param>
/// <param name="Timeline">One step, drawn as svg.</param>
internal sealed record ReportedRun(string Name, ReportedMetrics Metrics, RunFacts? Facts, IReadOnlyDictionary<string, StageShares>? Shares, string? Timeline)
{
    public static ReportedRun Read(string directory, string name) => new(
        name,
        ReportedMetrics.Read(Path.Combine(directory, MetricsWriter.FileName)),
        RunFactsFile.Read(directory),
        UntrustedFile.IsThere(Path.Combine(directory, StageSharesFile.Name)) ? StageSharesFile.Read(directory) : null,
        UntrustedFile.IsThere(Path.Combine(directory, TraceFile.Name)) ? ReportedTrace.Draw(Path.Combine(directory, TraceFile.Name)) : null);
}
