using Horizon.Flow.Distributed;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>Lets each of several ranks reward its part of the answers, all of the answers to a prompt on one rank, and tells all what every answer is worth.</summary>
/// <param name="own">This rank's way to reward; belongs to the caller.</param>
/// <param name="ranks">This rank's side.</param>
public sealed class SharedReward(IAnswerReward own, ICollectives ranks) : IAnswerReward
{
    private const string Line = "rewards";

    /// <inheritdoc/>
    /// <param name="answers">The answers, the same on every rank.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">An answer cannot be rewarded, here or on another rank, which is named.</exception>
    public async Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<Answer> answers, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        var parts = answers.ToLookup(RankOf);
        var rewards = await ranks.ShareAsync(Line, () => own.RewardAsync([.. parts[ranks.Rank]], cancellation)).ConfigureAwait(false);
        var taken = new int[ranks.Count];
        return [.. answers.Select(answer => rewards[RankOf(answer)][taken[RankOf(answer)]++])];
    }

    private int RankOf(Answer answer) => answer.Rollout.Prompt % ranks.Count;
}
