using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>An answer as its reward is told from.</summary>
/// <param name="Prompt">What it answers, with the record's columns.</param>
/// <param name="Rollout">Its tokens.</param>
/// <param name="Text">What they say, without special tokens.</param>
public sealed record Answer(PromptRecord Prompt, Rollout Rollout, string Text);
