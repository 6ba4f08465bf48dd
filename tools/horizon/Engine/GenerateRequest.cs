using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli;

/// <summary>What to sample.</summary>
/// <param name="Model">The model's folder, and that of adapters on it.</param>
/// <param name="Prompts">The texts to continue, one after the other.</param>
/// <param name="Options">How.</param>
public sealed record GenerateRequest(ModelFolders Model, IReadOnlyList<string> Prompts, GenerationOptions Options);
