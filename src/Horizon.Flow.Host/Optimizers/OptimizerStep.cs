namespace Horizon.Flow.Host;

/// <summary>What is the same for every unit in one optimizer step.</summary>
/// <param name="Number">1 for the first step.</param>
/// <param name="LearningRate">From the schedule, before any parameter group's own factor.</param>
/// <param name="GradientScale">What every gradient element is multiplied by first: the clip factor, else 1.</param>
public readonly record struct OptimizerStep(long Number, double LearningRate, float GradientScale);
