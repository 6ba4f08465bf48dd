using System.Globalization;
using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Reports;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>What a run says of itself when it ends.</summary>
internal sealed class RunSummary(TimeProvider time)
{
    // Enough for a median.
    private const int MostCosts = 4096;

    private readonly long _start = time.GetTimestamp();
    private StepReport? _last;
    private long _steps;
    private long _skipped;
    private readonly List<(double Tokens, double Seconds)> _costs = [];

    /// <summary>Counts a step.</summary>
    public void Add(StepReport report)
    {
        _last = report;
        _steps++;
        if (_costs.Count < MostCosts) _costs.Add((report.Tokens, report.Elapsed.TotalSeconds));
        _skipped += report.Skipped ? 1 : 0;
    }

    /// <summary>Steps counted.</summary>
    public long Steps => _steps;

    /// <summary>The number of the last step counted; 0 before the first.</summary>
    public long LastStep => _last?.Step ?? 0;

    /// <summary>The last lines of the run.</summary>
    /// <param name="saved">Where its results lie; null where there were none.</param>
    /// <param name="stopped">Whether a signal ended it, to this rank or another.</param>
    /// <param name="outline">What the run was planned as; for advice.</param>
    public IEnumerable<string> Describe(SavedRun? saved, bool stopped, TrainingOutline outline)
    {
        if (saved is null)
        {
            yield return "stopped before the first step; no model was written";
            yield break;
        }

        var duration = ProgressText.Duration(time.GetElapsedTime(_start));
        var loss = _last is null ? "" : string.Create(CultureInfo.InvariantCulture, $", last loss {_last.Loss:F4}");
        yield return $"{(stopped ? "stopped" : "done")}{(_last is null ? "" : $" after step {_last.Step}")}: {_steps} steps in {duration}{loss}";
        if (_skipped > 0)
            yield return $"{_skipped} steps were skipped, since a loss or their gradient norm was not finite; a lower optimizer.learning_rate may help";
        if (Advice(outline) is { } advice)
            yield return advice;
        var best = saved.BestStep is { } step ? string.Create(CultureInfo.InvariantCulture, $": that of step {step}, whose held-out loss is the lowest") : "";
        yield return $"model written to {saved.ModelDirectory}{best}";
        if (stopped && saved.CheckpointDirectory is { } checkpoint)
            yield return $"checkpoint written to {checkpoint}; --resume goes on from it";
    }

    // The first step warms up; one or two more say nothing.
    private string? Advice(TrainingOutline outline)
    {
        if (_costs.Count < 4 || outline.Shares?.Invoke() is not { } shares) return null;
        var cost = outline.Memory?.Cost;
        var floors = cost is null ? [] : _costs.Skip(1).Select(step => cost.ShareOfFloor(step.Tokens, step.Seconds)).Order().ToList();
        return RunAdvice.Of(shares, cost, floors.Count > 0 ? floors[floors.Count / 2] : null)?.Sentence;
    }
}
