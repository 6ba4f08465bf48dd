using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Olmo3;

/// <summary>OLMo 3: OLMo 2 with a window on three of four layers, whose frequencies were never scaled.</summary>
internal sealed class Olmo3Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 2048,
        NormEpsilon = 1e-5,
        RopeByLayerType = true,
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["attention_output_norm"] = "post_attention_layernorm",
        ["feed_forward_output_norm"] = "post_feedforward_layernorm",
    };

    /// <inheritdoc/>
    public string Architecture => "Olmo3ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "olmo3";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        var (full, sliding) = RopeReader.ReadByLayerType(json, Defaults, config.MaximumSequenceLength, localTheta: null);
        return new DenseConfig(config)
        {
            Names = Names,
            Norm = NormKind.WideRms,
            NormBefore = false,
            NormAfter = true,
            QueryKeyNorms = QueryKeyNormKind.Whole,
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
            Rope = full,
            SlidingRope = sliding,
            SlidingWindows = WindowReader.ReadPattern(json, config.LayerCount, layer => (layer + 1) % 4 != 0),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
