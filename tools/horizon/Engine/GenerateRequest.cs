using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli;

/// <summary>What to sample.</summary>
/// <param name="ModelDirectory">A Hugging Face folder.</param>
/// <param name="Prompts">The texts to continue, one after the other.</param>
/// <param name="Options">How.</param>
public sealed record GenerateRequest(string ModelDirectory, IReadOnlyList<string> Prompts, GenerationOptions Options);
