using Horizon.Flow.Alignment.Preferences;

namespace Horizon.Flow.Alignment.Policies;

/// <summary>How answers are drawn. Nothing but the temperature changes the distribution: the log-probabilities that training computes are those of what was drawn.</summary>
public sealed record SamplingOptions
{
    /// <summary>Answers to each prompt: the group that advantages are relative to.</summary>
    /// <value>8.</value>
    public int Answers { get; init; } = 8;

    /// <summary>Tokens of an answer at most.</summary>
    /// <value>64.</value>
    public int MaxTokens { get; init; } = 64;

    /// <summary>Answers that lie in one micro-batch while they are drawn; 1 or more.</summary>
    /// <value>64.</value>
    public int Together { get; init => field = Settings.AtLeastOne(value, nameof(Together)); } = 64;

    /// <summary>What logits are divided by; above 0.</summary>
    /// <value>1: the model itself, which the objective assumes.</value>
    public double Temperature { get; init => field = Settings.Positive(value, nameof(Temperature)); } = 1;

    /// <summary>Tokens that end an answer.</summary>
    /// <value>None.</value>
    public IReadOnlyList<int> EndIds { get; init; } = [];
}
