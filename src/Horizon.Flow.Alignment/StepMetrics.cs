namespace Horizon.Flow.Alignment;

/// <summary>An objective's metrics of one step.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="Values">By name, each the mean over all micro-batches; a metric that nothing of the step counts for is left out.</param>
public sealed record StepMetrics(long Step, IReadOnlyDictionary<string, double> Values);
