using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models;

/// <summary>Reads a Hugging Face model folder.</summary>
public static class ModelFolder
{
    /// <summary>Reads config.json; of a text model within a larger one also which of two ways the folder's weights call its tensors.</summary>
    /// <param name="path">The model's folder, or its config.json.</param>
    /// <param name="registry">The known families; <see cref="ModelRegistry.Default"/> if null.</param>
    /// <exception cref="HorizonException">
    /// The file is missing or no JSON, the architecture is unknown, or a setting is missing, absurd or not supported.
    /// </exception>
    public static ModelConfig ReadConfig(string path, ModelRegistry? registry = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var file = Directory.Exists(path) ? Path.Combine(path, "config.json") : path;
        if (file != path && !UntrustedFile.IsThere(file)) throw new HorizonException(FolderGuess.Of(path) ?? $"{path} holds no config.json; name a Hugging Face model folder");
        var config = (registry ?? ModelRegistry.Default).Read(ConfigJson.ReadFile(file));
        return file == path ? config : NestedNames.AsIn(config, path);
    }
}
