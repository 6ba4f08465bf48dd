namespace Horizon.Flow.Runs.Generation;

/// <summary>A part of a text as it is generated.</summary>
/// <param name="Text">What is new; may be empty.</param>
/// <param name="Tokens">Tokens that were sampled for it.</param>
public sealed record GeneratedPiece(string Text, int Tokens);
