using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.HunYuanDense;

/// <summary>Hunyuan (dense): Llama with norms on query and key heads behind the rotation.</summary>
internal sealed class HunYuanDenseFamily : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 2048,
        NormEpsilon = 1e-5,
        RopeAlpha = true,
        Known = ["use_qk_norm"],
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["self_attn.q_norm"] = "self_attn.query_layernorm",
        ["self_attn.k_norm"] = "self_attn.key_layernorm",
    };

    /// <inheritdoc/>
    public string Architecture => "HunYuanDenseV1ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "hunyuan_v1_dense";

    /// <summary>A token, and biases that this architecture does not have.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["eod_token_id", "mlp_bias"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        if (!json.Flag("use_qk_norm", true)) throw json.Refuse("use_qk_norm", "is false, which transformers does not know for this architecture");
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            Names = Names,
            QueryKeyNorms = QueryKeyNormKind.HeadsAfterRotation,
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
