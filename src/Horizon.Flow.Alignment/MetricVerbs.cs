using System.Runtime.CompilerServices;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow.Alignment;

/// <summary>Watches what an objective measures while it trains.</summary>
public static class MetricVerbs
{
    /// <summary>Calls the watcher with the metrics of every training step, in order; where it is slow, the graph waits for it.</summary>
    /// <param name="plan">A plan with an <see cref="IMeasuredObjective"/> that has metrics.</param>
    /// <param name="watch">Runs beside the graph.</param>
    /// <exception cref="InvalidOperationException">The plan's objective has no metrics.</exception>
    public static TrainingPlan WatchMetrics(this TrainingPlan plan, Action<StepMetrics> watch)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(watch);
        if (plan.Objective is not IMeasuredObjective { MetricNames.Count: > 0 } objective)
            throw new InvalidOperationException($"the plan's objective has no metrics; give it one first, with {nameof(TrainingPlan.WithObjective)}");
        var steps = new ConditionalWeakTable<StepInfo, List<HostResult>>();
        return plan.At(Stages.Results).TapWaiting("objective metrics", result => result, result =>
        {
            if (result.Info.Purpose != StepPurpose.Train || !result.Visit.Planned.GivesLoss) return;
            var parts = steps.GetOrCreateValue(result.Info);
            parts.Add(result);
            if (parts.Count == result.Info.MicroBatchCount) watch(new StepMetrics(result.Info.Number, objective.MetricsOf(parts)));
        });
    }
}
