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

    /// <summary>Only so many of the likeliest tokens can be chosen; 0 for any.</summary>
    /// <value>0.</value>
    public int TopK { get; init; }

    /// <summary>Only the fewest of the likeliest tokens can be chosen whose probabilities together reach this.</summary>
    /// <value>1: any.</value>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens can be chosen that are at least this share as likely as the likeliest.</summary>
    /// <value>0: any.</value>
    public double MinP { get; init; }

    /// <summary>Makes tokens that the text holds already less likely: divides their logits where these are positive, multiplies them elsewhere (Keskar et
    /// al., arXiv 1909.05858).</summary>
    /// <value>1: no less.</value>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Where one of these is written, the text ends in front of it.</summary>
    /// <value>None.</value>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Whether each piece tells how likely its token was, and of how many of the likeliest besides; null tells nothing.</summary>
    /// <value>Null.</value>
    public int? LogProbabilities { get; init; }

    /// <summary>Where the random choices start.</summary>
    /// <value>42.</value>
    public long Seed { get; init; } = 42;
}
