using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Glm4;

/// <summary>GLM-4 (0414): norms before and after both blocks, half of each head rotated in neighbouring pairs, one matrix for gate and up.</summary>
internal sealed class Glm4Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 131_072,
        HeadDimension = 128,
        KeyValueHeads = 2,
        NormEpsilon = 1.5625e-7,
        RotatedFraction = 0.5,
        Interleaved = true,
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["attention_output_norm"] = "post_self_attn_layernorm",
        ["feed_forward_output_norm"] = "post_mlp_layernorm",
    };

    /// <inheritdoc/>
    public string Architecture => "Glm4ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "glm4";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            Names = Names,
            NormAfter = true,
            FusedGateUp = true,
            QueryKeyValueBias = json.Flag("attention_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
