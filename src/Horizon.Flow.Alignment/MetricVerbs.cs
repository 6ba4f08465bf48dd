using System.Runtime.CompilerServices;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow.Alignment;

/// <summary>Watches what an objective measures while it trains.</summary>
public static class MetricVerbs
{
    /// <summary>Calls the watcher with the metrics of every training step, in order; where it is slow, the graph waits for it.</summary>
    /// <param name="plan">A plan with a <see cref="LogProbabilityObjective"/> that has metrics.</param>
    /// <param name="watch">Runs beside the graph.</param>
    /// <exception cref="InvalidOperationException">The plan's objective has no metrics.</exception>
    public static TrainingPlan WatchMetrics(this TrainingPlan plan, Action<StepMetrics> watch)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(watch);
        if (plan.Objective is not LogProbabilityObjective { MetricNames: { Count: > 0 } names })
            throw new InvalidOperationException($"the plan's objective has no metrics; give it one first, with {nameof(TrainingPlan.WithObjective)}");
        var steps = new ConditionalWeakTable<StepInfo, List<float[]>>();
        return plan.At(Stages.Results).TapWaiting("objective metrics", result => result, result =>
        {
            if (result.Info.Purpose != StepPurpose.Train || result.Visit.Op != Ops.Head) return;
            var parts = steps.GetOrCreateValue(result.Info);
            parts.Add(result.Numbers);
            if (parts.Count == result.Info.MicroBatchCount) watch(new StepMetrics(result.Info.Number, Means(names, parts)));
        });
    }

    private static Dictionary<string, double> Means(IReadOnlyList<string> names, List<float[]> parts) => names
        .Select((name, i) => (name, Sum: parts.Sum(part => (double)part[2 * i]), Count: parts.Sum(part => (double)part[(2 * i) + 1])))
        .Where(metric => metric.Count > 0).ToDictionary(metric => metric.name, metric => metric.Sum / metric.Count);
}
