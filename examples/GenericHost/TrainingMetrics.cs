using System.Diagnostics.Metrics;
using Horizon.Flow.Accounting;

namespace Horizon.Examples;

/// <summary>What training tells System.Diagnostics.Metrics, and so OpenTelemetry, dotnet-counters and the like.</summary>
public sealed class TrainingMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Horizon.Training";

    private readonly Counter<long> _steps;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _skipped;
    private readonly Gauge<double> _loss;
    private readonly Histogram<double> _duration;

    /// <summary>Creates the instruments.</summary>
    public TrainingMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create(MeterName);
        _steps = meter.CreateCounter<long>("training.steps", "{step}", "Optimizer steps finished.");
        _tokens = meter.CreateCounter<long>("training.tokens", "{token}", "Tokens trained on.");
        _skipped = meter.CreateCounter<long>("training.skipped_steps", "{step}", "Steps whose loss or gradient was not finite.");
        _loss = meter.CreateGauge<double>("training.loss", "nat", "Mean loss of the last step.");
        _duration = meter.CreateHistogram<double>("training.step.duration", "s", "Time of a step.");
    }

    /// <summary>Tells of a step.</summary>
    public void Take(StepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        _loss.Record(report.Loss);
        _duration.Record(report.Elapsed.TotalSeconds);
        _tokens.Add(report.Tokens);
        if (report.Skipped) _skipped.Add(1);
        _steps.Add(1);
    }
}
