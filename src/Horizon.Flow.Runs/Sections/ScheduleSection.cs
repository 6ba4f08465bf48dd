using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>schedule</c> section: the learning rate over the steps of the run.</summary>
public sealed record ScheduleSection
{
    /// <summary>The shape of the curve after the warm-up, one of <see cref="LearningRateSchedule.Names"/>.</summary>
    /// <value>Default <c>constant</c>.</value>
    public string Name { get; init; } = "constant";

    /// <summary>Steps in which the rate rises linearly to <c>optimizer.learning_rate</c>.</summary>
    /// <value>Default 0 steps.</value>
    public long WarmupSteps { get; init; }

    /// <summary>The same as a share of the run's steps, rounded up, where <see cref="WarmupSteps"/> is 0.</summary>
    /// <value>Default 0.</value>
    public double WarmupRatio { get; init; }

    /// <summary>Where a falling schedule ends.</summary>
    /// <value>Default 0.</value>
    public double MinLearningRate { get; init; }

    /// <summary>For <c>wsd</c>: the share of the run's steps, at its end, in which the rate falls; in (0, 1].</summary>
    /// <value>Default 0.1.</value>
    public double DecayFraction { get; init; } = 0.1;

    /// <summary>For <c>cosine_with_restarts</c>: how often the rate falls.</summary>
    /// <value>Default 1.</value>
    public int Cycles { get; init; } = 1;

    /// <summary>For <c>polynomial</c>: the power of what is left of the run.</summary>
    /// <value>Default 1: linear.</value>
    public double Power { get; init; } = 1;

    /// <summary>The steps of the warm-up in a run.</summary>
    /// <param name="totalSteps">Of the run.</param>
    internal long WarmupOf(long totalSteps) => WarmupSteps > 0 ? WarmupSteps : (long)Math.Ceiling(WarmupRatio * totalSteps);
}
