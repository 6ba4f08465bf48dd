using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Horizon.Flow.Telemetry;

/// <summary>
/// What every run tells System.Diagnostics: a meter and an activity source of one name, which an OpenTelemetry exporter, dotnet-counters and the
/// like take by it. Nothing is measured for them that is not measured anyway, and where nobody listens nothing is told.
/// </summary>
public static class TrainingTelemetry
{
    /// <summary>The name of the meter and of the activity source.</summary>
    public const string Name = "Horizon.Flow";

    /// <summary>A histogram, in seconds: how long steps took, from the end of the one before where they overlap.</summary>
    public const string StepDuration = "horizon.step.duration";

    /// <summary>A counter: tokens of finished steps.</summary>
    public const string Tokens = "horizon.tokens";

    /// <summary>A counter: steps that were skipped, since a loss or a gradient norm was not finite.</summary>
    public const string SkippedSteps = "horizon.skipped_steps";

    /// <summary>A gauge, in nats: the mean loss of the last step, where it is finite.</summary>
    public const string Loss = "horizon.loss";

    /// <summary>
    /// An observable counter, in seconds, tagged with <c>stage</c> and <c>state</c> (<c>busy</c>, <c>waiting</c>, <c>no_input</c>, <c>blocked</c>): where the time
    /// of each stage of the runs under way went. A share is its rate.
    /// </summary>
    public const string StageTime = "horizon.stage.time";

    /// <summary>An activity: a step from its beginning to its last update, tagged as its report.</summary>
    public const string Step = "step";

    internal static ActivitySource Source { get; } = new(Name);

    internal static Meter Meter { get; } = new(Name);
}
