using System.Globalization;
using Horizon.Flow.Accounting;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>How numbers of a run are worded, the same on a terminal and in a log.</summary>
public static class ProgressText
{
    /// <summary>The run's first line.</summary>
    public static string Begin(TrainingOutline outline)
    {
        ArgumentNullException.ThrowIfNull(outline);
        var steps = outline.LastStep is not { } last ? $"from step {outline.FirstStep}"
            : outline.FirstStep > last ? $"all {last} steps are done"
            : $"steps {outline.FirstStep} to {last}";
        return Printable.Line($"training {outline.Description}: {steps}{(outline.Length is { } length ? $" ({length.Describe()})" : "")}");
    }

    /// <summary><c>step 12/200</c>.</summary>
    public static string Step(TrainingOutline outline, long step)
    {
        ArgumentNullException.ThrowIfNull(outline);
        return outline.LastStep is { } last ? $"step {step}/{last}" : $"step {step}";
    }

    /// <summary>What the step did to the model.</summary>
    public static string Learning(StepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report.Skipped
            ? Printable.Line(Invariant($"skipped, {report.SkipReason ?? $"its gradient norm is {report.GradientNorm}"}"))
            : Invariant($"loss {report.Loss:F4}  norm {report.GradientNorm:G3}  lr {report.LearningRate:0.00e-00}");
    }

    /// <summary>What the objective measured; nothing for the next token.</summary>
    public static string Measured(IReadOnlyDictionary<string, double> metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        return string.Join("  ", metrics.Select(metric => Invariant($"{metric.Key} {metric.Value:G3}")));
    }

    /// <summary>What the step took.</summary>
    public static string Cost(TrainingOutline outline, StepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return Invariant($"{Speed(outline, report)}  device {new ByteSize(report.DeviceBytesPeak)}  host {new ByteSize(report.HostBytes)}");
    }

    /// <summary>How fast it was: tokens that count no padding, and where the run was planned useful operations and how near the floor that is.</summary>
    public static string Speed(TrainingOutline outline, StepReport report)
    {
        ArgumentNullException.ThrowIfNull(outline);
        ArgumentNullException.ThrowIfNull(report);
        var tokens = Invariant($"{report.TokensPerSecond:N0} tokens/s");
        if (outline.Memory?.Cost is not { } cost || report.Elapsed <= TimeSpan.Zero) return tokens;
        var (rate, share) = (cost.OperationsPerSecond(report.Tokens, report.Elapsed.TotalSeconds), cost.ShareOfFloor(report.Tokens, report.Elapsed.TotalSeconds));
        var source = cost.Rates.IsMeasured ? "" : " by assumed rates";
        return Invariant($"{tokens}  {rate / 1e12:0.###} TFLOP/s, {share:P0} of the floor{source}");
    }

    /// <summary><c>left 2 min 10 s</c>; nothing where it is not known.</summary>
    public static string Left(TimeSpan? left) => left is { } time ? $"left {Duration(time)}" : "";

    /// <summary>An evaluation's line.</summary>
    public static string Evaluation(TrainingOutline outline, TrainingEvent.Evaluated evaluated)
    {
        ArgumentNullException.ThrowIfNull(evaluated);
        return Invariant($"{Step(outline, evaluated.Step)}  held-out loss {evaluated.Loss:F4}  {Measured(evaluated.Metrics)}").TrimEnd();
    }

    /// <summary>A span of time in its two largest units.</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => Invariant($"{time.TotalSeconds:0.0} s"),
        { TotalMinutes: < 1 } => Invariant($"{time.Seconds} s"),
        { TotalHours: < 1 } => Invariant($"{time.Minutes} min {time.Seconds} s"),
        { TotalDays: < 1 } => Invariant($"{time.Hours} h {time.Minutes} min"),
        _ => Invariant($"{time.Days} d {time.Hours} h"),
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
