using Horizon.Flow.Alignment.Policies;

namespace Horizon.Flow.Runs.OnPolicy;

/// <summary>What is told of answers and their rewards.</summary>
internal static class PolicyMetrics
{
    /// <summary>Mean and deviation of the rewards, the share of answers that pass, the mean of their lengths in tokens, and the share that the model ended itself.</summary>
    /// <param name="rollouts">One or more.</param>
    /// <param name="passing">The least reward of an answer that passes.</param>
    public static IReadOnlyDictionary<string, double> Of(IReadOnlyCollection<GradedRollout> rollouts, double passing)
    {
        var mean = rollouts.Average(one => one.Reward);
        return new Dictionary<string, double>
        {
            ["reward"] = mean,
            ["reward_std"] = Math.Sqrt(rollouts.Sum(one => (one.Reward - mean) * (one.Reward - mean)) / Math.Max(1, rollouts.Count - 1)),
            ["passed"] = rollouts.Average(one => one.Reward >= passing ? 1.0 : 0),
            ["length"] = rollouts.Average(one => (double)one.Rollout.AnswerIds.Count),
            ["finished"] = rollouts.Average(one => one.Rollout.IsFinished ? 1.0 : 0),
        };
    }
}
