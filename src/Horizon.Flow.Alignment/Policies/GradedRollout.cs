namespace Horizon.Flow.Alignment.Policies;

/// <summary>An answer and its reward.</summary>
/// <param name="Rollout">The answer.</param>
/// <param name="Reward">Its reward.</param>
public sealed record GradedRollout(Rollout Rollout, double Reward)
{
    /// <summary>The log-probability of each of its tokens under the parameters that gave it; null where it is learned in the step right after.</summary>
    public IReadOnlyList<float>? OldLogProbabilities { get; init; }

    /// <summary>The same under the reference; null where there is none.</summary>
    public IReadOnlyList<float>? ReferenceLogProbabilities { get; init; }
}
