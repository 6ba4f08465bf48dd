using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Horizon.Flow.Graph;
using Horizon.Flow.Telemetry;

namespace Horizon.Flow.Accounting;

/// <summary>What one run tells; its number in the process, from 1, is the tag <c>run</c>.</summary>
internal sealed class RunTelemetry : IDisposable
{
    private static readonly ConcurrentDictionary<int, RunTelemetry> UnderWay = [];
    private static readonly Histogram<double> Duration = TrainingTelemetry.Meter.CreateHistogram<double>(TrainingTelemetry.StepDuration, "s", "Time of a step.");
    private static readonly Counter<long> TokenCount = TrainingTelemetry.Meter.CreateCounter<long>(TrainingTelemetry.Tokens, "{token}", "Tokens of finished steps.");
    private static readonly Counter<long> Skipped = TrainingTelemetry.Meter.CreateCounter<long>(TrainingTelemetry.SkippedSteps, "{step}", "Steps whose loss or gradient norm was not finite.");
    private static readonly Gauge<double> LastLoss = TrainingTelemetry.Meter.CreateGauge<double>(TrainingTelemetry.Loss, "nat", "Mean loss of the last step.");
    private static int _last;

    private readonly int _number = Interlocked.Increment(ref _last);
    private Func<IReadOnlyDictionary<string, StageShares>>? _shares;

    static RunTelemetry() => TrainingTelemetry.Meter.CreateObservableCounter(TrainingTelemetry.StageTime, Observe, "s", "Where the time of each stage went.");

    private KeyValuePair<string, object?> Run => new("run", _number);

    /// <summary>Tells of the stages from now on, until it is disposed.</summary>
    public void Watch(Func<IReadOnlyDictionary<string, StageShares>> shares)
    {
        _shares = shares;
        UnderWay[_number] = this;
    }

    /// <summary>Tells of a step that ended.</summary>
    /// <param name="report">Its report.</param>
    /// <param name="elapsed">Since it entered the graph.</param>
    /// <param name="parent">The activity in which it was begun.</param>
    public void Ended(StepReport report, TimeSpan elapsed, ActivityContext parent)
    {
        Duration.Record(report.Elapsed.TotalSeconds, Run);
        TokenCount.Add(report.Tokens, Run);
        if (report.Skipped) Skipped.Add(1, Run);
        if (double.IsFinite(report.Loss)) LastLoss.Record(report.Loss, Run);
        using var activity = Begin(report.Step, elapsed, parent);
        if (activity is null) return;
        activity.SetTag("loss", report.Loss).SetTag("gradient_norm", report.GradientNorm).SetTag("learning_rate", report.LearningRate).SetTag("tokens", report.Tokens).SetTag("skipped", report.Skipped);
        if (report.SkipReason is { } reason) activity.SetTag("skip_reason", reason);
    }

    /// <summary>Tells of a step that failed.</summary>
    public void Failed(long step, Exception cause, TimeSpan elapsed, ActivityContext parent)
    {
        using var activity = Begin(step, elapsed, parent);
        activity?.SetStatus(ActivityStatusCode.Error, cause.Message);
    }

    public void Dispose() => UnderWay.TryRemove(_number, out _);

    // Made when the step is over, with its beginning put back: steps overlap, so that none of them is the current activity of anybody.
    private Activity? Begin(long step, TimeSpan elapsed, ActivityContext parent) => !TrainingTelemetry.Source.HasListeners() ? null
        : TrainingTelemetry.Source.StartActivity(ActivityKind.Internal, parent, [Run, new("step", step)], startTime: TimeProvider.System.GetUtcNow() - elapsed, name: TrainingTelemetry.Step);

    private static IEnumerable<Measurement<double>> Observe()
    {
        foreach (var run in UnderWay.Values)
        {
            foreach (var (stage, share) in run._shares!())
            {
                yield return run.Of(stage, "busy", share.Busy);
                yield return run.Of(stage, "waiting", share.Waiting);
                yield return run.Of(stage, "no_input", share.Starved);
                yield return run.Of(stage, "blocked", share.Blocked);
            }
        }
    }

    private Measurement<double> Of(string stage, string state, TimeSpan time) => new(time.TotalSeconds, Run, new("stage", stage), new("state", state));
}
