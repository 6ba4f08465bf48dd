namespace Horizon.Flow.Host.Optimizers;

/// <summary>One optimizer step of one unit.</summary>
/// <param name="Number">1 for the unit's first update, whatever the run's step: bias corrections count it.</param>
/// <param name="LearningRate">From the schedule, before any parameter group's own factor.</param>
/// <param name="GradientScale">What every gradient element is multiplied by first: the clip factor, else 1.</param>
public readonly record struct OptimizerStep(long Number, double LearningRate, float GradientScale)
{
    /// <summary>What is done of it; a part only by a rule that <see cref="IHostOptimizer.UpdatesInParts"/>.</summary>
    /// <value>All.</value>
    public UpdateParts Parts { get; init; }
}
