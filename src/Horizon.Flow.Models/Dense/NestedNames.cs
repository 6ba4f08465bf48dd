using Horizon.Flow.Host.ModelFolders;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// What the model folder calls the tensors of a text model within a larger one. transformers has had two ways and reads both: published files of Gemma 3 and Ministral 3 have the older one, those of
/// Qwen3.5 and Gemma 4 the newer.
/// </summary>
internal static class NestedNames
{
    private static readonly (string Model, string Head)[] Ways = [("model.language_model.", ""), ("language_model.model.", "language_model.")];

    /// <summary>A configuration whose tensors are called one of the two ways.</summary>
    /// <param name="config">The text model's.</param>
    /// <param name="older">Which.</param>
    public static DenseConfig Give(DenseConfig config, bool older)
    {
        var (model, head) = Ways[older ? 1 : 0];
        return config with { IsNested = true, ModelPrefix = model, LayerPrefix = $"{model}layers.", HeadPrefix = head };
    }

    /// <summary>The same as the folder's weights have it; as it is where the folder holds none, or the model is not within another.</summary>
    /// <param name="config">As it was read.</param>
    /// <param name="folder">The model folder.</param>
    /// <exception cref="HorizonException">One of the folder's files is damaged.</exception>
    public static ModelConfig AsIn(ModelConfig config, string folder)
    {
        if (config is not DenseConfig { IsNested: true } nested || !Directory.EnumerateFiles(folder, "*.safetensors").Any()) return config;
        using var weights = WeightFiles.Open(folder);
        var way = Array.FindIndex(Ways, one => weights.TensorNames.Any(name => name.StartsWith(one.Model, StringComparison.Ordinal)));
        return way < 0 ? config : Give(nested, older: way == 1);
    }
}
