using System.Globalization;
using Horizon.Flow.Accounting;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Session;

/// <summary>Looks at each step's report: tells of loss spikes, and ends a run that skips step after step.</summary>
internal sealed class StepWatch(TrainingSection training, Action<string> notice)
{
    private readonly LossWatch? _losses = training.LossSpikeDeviations is > 0 and { } deviations ? new LossWatch(deviations) : null;
    private int _skippedInARow;
    private HorizonException? _tooMany;

    /// <summary>Takes a finished step.</summary>
    /// <returns>The report, with its spike if it is one.</returns>
    public StepReport Look(StepReport report)
    {
        _skippedInARow = report.Skipped ? _skippedInARow + 1 : 0;
        if (_skippedInARow > training.MaxSkippedSteps) _tooMany ??= new HorizonException(TooMany(report));
        if (report.Skipped || _losses is null) return report;
        var mean = _losses.Mean;
        if (_losses.Add(report.Loss) is not { } spike) return report;
        notice(string.Create(
            CultureInfo.InvariantCulture, $"step {report.Step}: the loss {report.Loss:F4} is a spike, {spike:F1} deviations above its running mean of {mean:F4}"));
        return report with { LossSpike = spike };
    }

    /// <summary>What it remembers, for a run that goes on later.</summary>
    public IReadOnlyDictionary<string, string> Save() => new Dictionary<string, string>
    {
        ["skipped_in_a_row"] = _skippedInARow.ToString(CultureInfo.InvariantCulture),
        ["loss_watch"] = _losses?.Save() ?? "",
    };

    /// <summary>Takes up what <see cref="Save"/> gave; without it, it begins anew.</summary>
    public void Restore(IReadOnlyDictionary<string, string> saved)
    {
        _ = int.TryParse(saved.GetValueOrDefault("skipped_in_a_row"), NumberStyles.None, CultureInfo.InvariantCulture, out _skippedInARow);
        _losses?.TryRestore(saved.GetValueOrDefault("loss_watch", ""));
    }

    /// <summary>Ends the run, once the report of the last step was told of.</summary>
    /// <exception cref="HorizonException">Too many steps in a row were skipped.</exception>
    public void ThrowIfTooMany()
    {
        if (_tooMany is not null) throw _tooMany;
    }

    private string TooMany(StepReport report)
    {
        var skipped = _skippedInARow == 1 ? "the step was skipped" : $"{_skippedInARow} steps in a row were skipped, this one";
        return $"step {report.Step}: {skipped} because {report.SkipReason}; lower optimizer.learning_rate, look at the data, find the place with "
            + "training.check_outputs, or raise training.max_skipped_steps.";
    }
}
