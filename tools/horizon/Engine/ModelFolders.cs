namespace Horizon.Flow.Cli;

/// <summary>Where a model lies.</summary>
/// <param name="Folder">A Hugging Face folder, or one of PEFT's whose base model is a folder here.</param>
/// <param name="Adapter">A PEFT folder whose adapters belong to it; null for none.</param>
public sealed record ModelFolders(string Folder, string? Adapter = null);
