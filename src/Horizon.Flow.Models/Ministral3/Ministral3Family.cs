using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Ministral3;

/// <summary>Ministral 3: Llama with yarn, and queries that grow with their position.</summary>
internal sealed class Ministral3Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 262_144,
        HeadDimension = 128,
        KeyValueHeads = 8,
        NormEpsilon = 1e-5,
        Theta = 1_000_000,
    };

    /// <inheritdoc/>
    public string Architecture => "Ministral3ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "ministral3";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "attention_bias");
        DecoderReader.RefuseFlag(json, "mlp_bias");
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            QueryGrowth = Growth(json, config),
            SlidingWindows = WindowReader.ReadOptional(json, config.LayerCount),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);

    private static (double Beta, int Context)? Growth(ConfigJson json, ModelConfig config)
    {
        if (json.Object("rope_parameters") is not { } settings || !settings.Has("llama_4_scaling_beta")) return null;
        return (settings.Number("llama_4_scaling_beta", 0, 1e6), settings.Integer("original_max_position_embeddings", 1, int.MaxValue, config.MaximumSequenceLength));
    }
}
