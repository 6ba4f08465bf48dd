namespace Horizon.Flow.Alignment.Policies;

/// <summary>An answer that a model gave.</summary>
/// <param name="Prompt">The prompt's place among those that were asked.</param>
/// <param name="PromptIds">The prompt's tokens.</param>
/// <param name="AnswerIds">The answer's tokens, the one that ends it too.</param>
/// <param name="IsFinished">Whether the model ended it, and not the number of tokens.</param>
public sealed record Rollout(int Prompt, IReadOnlyList<int> PromptIds, IReadOnlyList<int> AnswerIds, bool IsFinished);
