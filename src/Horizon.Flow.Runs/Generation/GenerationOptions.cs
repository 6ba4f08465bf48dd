namespace Horizon.Flow.Runs.Generation;

/// <summary>How a text is continued.</summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens at most.</summary>
    /// <value>128.</value>
    public int MaxTokens { get; init; } = 128;

    /// <summary>Divides the logits: 0 always takes the likeliest token, 1 follows the model's probabilities.</summary>
    /// <value>0.8.</value>
    public double Temperature { get; init; } = 0.8;

    /// <summary>Where the random choices start.</summary>
    /// <value>42.</value>
    public long Seed { get; init; } = 42;
}
