namespace Horizon.Flow.Cli;

/// <summary>What to sample.</summary>
/// <param name="ModelDirectory">A Hugging Face folder.</param>
/// <param name="Prompt">The text to continue.</param>
/// <param name="MaxTokens">Tokens at most, 1 or more.</param>
/// <param name="Temperature">Divides the logits; 0 always takes the likeliest token.</param>
/// <param name="Seed">Where the random choices start.</param>
public sealed record GenerateRequest(string ModelDirectory, string Prompt, int MaxTokens, double Temperature, long Seed);
