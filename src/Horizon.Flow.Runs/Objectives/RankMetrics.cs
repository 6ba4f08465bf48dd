using Horizon.Flow.Accounting;
using Horizon.Flow.Alignment;
using Horizon.Flow.Distributed;
using Horizon.Flow.Messages;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>An objective's metrics, and those of experts, where several ranks share a step or a pass.</summary>
internal static class RankMetrics
{
    /// <summary>The metrics over the results of all ranks, each of which calls this; of these alone where there is one.</summary>
    public static async Task<IReadOnlyDictionary<string, double>> MetricsOfAllAsync(this IMeasuredObjective objective, ICollectives? ranks, IEnumerable<HostResult> results)
    {
        var sums = objective.SumsOf(results);
        return objective.MetricsOf(ranks is null || sums.Length == 0 ? sums : await ranks.SumAsync("metrics", sums).ConfigureAwait(false));
    }

    /// <summary>How evenly the tokens of a step were spread over the experts, on all ranks; none where the model has no experts.</summary>
    public static async Task<IReadOnlyDictionary<string, double>> ExpertMetricsOfAllAsync(this TrainingPlan plan, ICollectives? ranks, StepReport report)
    {
        var sums = plan.ExpertSumsOf(report);
        return plan.ExpertMetricsOf(ranks is null || sums.Length == 0 ? sums : await ranks.SumAsync("experts", sums).ConfigureAwait(false));
    }
}
