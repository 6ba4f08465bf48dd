namespace Horizon.Flow.Runs.Generation;

/// <summary>A part of a text as it is generated.</summary>
/// <param name="Text">What is new; may be empty.</param>
/// <param name="Tokens">Tokens that were sampled for it.</param>
public sealed record GeneratedPiece(string Text, int Tokens)
{
    /// <summary>How likely its token was; null where nobody asked (<see cref="GenerationOptions.LogProbabilities"/>), or where it has none.</summary>
    public TokenProbability? Token { get; init; }

    /// <summary>The token that was sampled, the one that ends the text too; null where there is none.</summary>
    public int? Id { get; init; }

    /// <summary>Why the text ends with this piece; null where it goes on.</summary>
    public FinishReason? Finish { get; init; }
}
