using System.Globalization;
using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>What a run says of itself when it ends.</summary>
internal sealed class RunSummary(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private StepReport? _last;
    private long _steps;
    private long _skipped;

    /// <summary>Counts a step.</summary>
    public void Add(StepReport report)
    {
        _last = report;
        _steps++;
        _skipped += report.Skipped ? 1 : 0;
    }

    /// <summary>Steps counted.</summary>
    public long Steps => _steps;

    /// <summary>The number of the last step counted; 0 before the first.</summary>
    public long LastStep => _last?.Step ?? 0;

    /// <summary>The last lines of the run.</summary>
    /// <param name="saved">Where its results lie; null where there were none.</param>
    /// <param name="stopped">Whether a signal ended it.</param>
    public IEnumerable<string> Describe(SavedRun? saved, bool stopped)
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
        var best = saved.BestStep is { } step ? string.Create(CultureInfo.InvariantCulture, $": that of step {step}, whose held-out loss is the lowest") : "";
        yield return $"model written to {saved.ModelDirectory}{best}";
        if (stopped && saved.CheckpointDirectory is { } checkpoint)
            yield return $"checkpoint written to {checkpoint}; --resume goes on from it";
    }
}
