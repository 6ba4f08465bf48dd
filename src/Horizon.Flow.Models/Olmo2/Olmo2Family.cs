using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Olmo2;

/// <summary>OLMo 2: norms behind both blocks alone, and over all queries and all keys.</summary>
internal sealed class Olmo2Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 2048,
        NormEpsilon = 1e-5,
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["attention_output_norm"] = "post_attention_layernorm",
        ["feed_forward_output_norm"] = "post_feedforward_layernorm",
    };

    /// <inheritdoc/>
    public string Architecture => "Olmo2ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "olmo2";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            Names = Names,
            Norm = NormKind.WideRms,
            NormBefore = false,
            NormAfter = true,
            QueryKeyNorms = QueryKeyNormKind.Whole,
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
