using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Dense;

/// <summary>A family whose model is a <see cref="DenseConfig"/>: what it adds to the keys that all have is all that it says.</summary>
/// <param name="architecture">Under <c>architectures</c>.</param>
/// <param name="modelType">Under <c>model_type</c>.</param>
/// <param name="defaults">What the file may leave out.</param>
internal abstract class DenseFamily(string architecture, string modelType, DecoderDefaults defaults) : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public string ModelType => modelType;

    /// <inheritdoc/>
    public virtual IReadOnlyCollection<string> HarmlessKeys => [];

    /// <summary>What the file may leave out.</summary>
    protected DecoderDefaults Defaults => defaults;

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return Read(json, new DenseConfig(ReadCommon(json)) { Activation = ActivationReader.Read(json, Defaults) });
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);

    /// <summary>Reads the keys that all decoders have.</summary>
    protected virtual ModelConfig ReadCommon(ConfigJson json) => DecoderReader.Read(json, Architecture, Defaults);

    /// <summary>Reads what this family has besides, and says which parts it is made of.</summary>
    /// <param name="json">The file.</param>
    /// <param name="common">What all decoders have.</param>
    protected abstract DenseConfig Read(ConfigJson json, DenseConfig common);

    /// <summary>With biases on all four projections of the attention where <c>attention_bias</c> says so.</summary>
    /// <param name="json">The file.</param>
    /// <param name="config">The rest.</param>
    /// <param name="missing">What it says where it is missing.</param>
    protected static DenseConfig WithAttentionBias(ConfigJson json, DenseConfig config, bool missing = false)
    {
        var bias = json.Flag("attention_bias", missing);
        return config with { QueryKeyValueBias = bias, AttentionOutputBias = bias };
    }
}
