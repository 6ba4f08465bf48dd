namespace Horizon.Flow.Runs.Sections;

/// <summary>
/// The <c>rollouts</c> section: the answers that <c>grpo</c> and its kin learn from. A step has <see cref="Prompts"/> times <see cref="Group"/> of them, in micro-batches of
/// <c>training.batch_size</c>.
/// </summary>
public sealed record RolloutsSection
{
    /// <summary>Prompts of a step.</summary>
    /// <value>Default 8.</value>
    public int Prompts { get; init; } = 8;

    /// <summary>Answers to each prompt, 2 or more: an answer is as good as it is better than the others of its group.</summary>
    /// <value>Default 8.</value>
    public int Group { get; init; } = 8;

    /// <summary>Tokens of an answer at most.</summary>
    /// <value>Default 256.</value>
    public int MaxTokens { get; init; } = 256;

    /// <summary>What logits are divided by when answers are drawn.</summary>
    /// <value>Default 1: the model itself, which the objectives assume.</value>
    public double Temperature { get; init; } = 1;

    /// <summary>Answers are drawn every so many steps, for all of these, and a server is handed the weights as often.</summary>
    /// <value>Default 1: every answer comes from the weights that learn from it.</value>
    public int EverySteps { get; init; } = 1;

    /// <summary>A server that draws the answers, in the place of the run itself.</summary>
    public RolloutServerSection Server { get; init; } = new();

    /// <summary>What tells how good an answer is.</summary>
    public RewardsSection Rewards { get; init; } = new();
}
