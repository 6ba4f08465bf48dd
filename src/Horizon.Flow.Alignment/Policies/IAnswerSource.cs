using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>Where answers come from: the run itself (<see cref="StreamedSampler"/>), or a server (<see cref="ServerSampler"/>).</summary>
public interface IAnswerSource
{
    /// <summary>Answers to prompts, in their order, those to one prompt together and as many to each.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="cancellation">Gives up.</param>
    Task<IReadOnlyList<Rollout>> DrawAsync(IReadOnlyList<PromptRecord> prompts, long seed, CancellationToken cancellation = default);
}
