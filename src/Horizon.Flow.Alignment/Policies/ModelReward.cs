using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>The score that a reward model gives prompt and answer.</summary>
/// <param name="scorer">A model with the tokens of the one that answers; belongs to the caller.</param>
public sealed class ModelReward(RewardScorer scorer) : IAnswerReward
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<double>> RewardAsync(IReadOnlyList<Answer> answers, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        TokenDocument[] documents = [.. answers.Select(answer => (int[])[.. answer.Rollout.PromptIds, .. answer.Rollout.AnswerIds]).Select(ids => new TokenDocument(ids, ids))];
        return [.. (await scorer.ScoreAsync(documents, cancellation).ConfigureAwait(false)).Select(score => (double)score)];
    }
}
