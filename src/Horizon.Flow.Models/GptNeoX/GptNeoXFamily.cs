using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.GptNeoX;

/// <summary>GPT-NeoX and Pythia: both blocks at once, q, k and v of a head side by side, a quarter of each head rotated.</summary>
internal sealed class GptNeoXFamily : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 2048,
        NormEpsilonKey = "layer_norm_eps",
        NormEpsilon = 1e-5,
        OwnActivation = true,
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["embed_tokens"] = "gpt_neox.embed_in",
        ["norm"] = "gpt_neox.final_layer_norm",
        ["lm_head"] = "embed_out",
        ["self_attn.qkv_proj"] = "attention.query_key_value",
        ["self_attn.o_proj"] = "attention.dense",
        ["mlp.up_proj"] = "mlp.dense_h_to_4h",
        ["mlp.down_proj"] = "mlp.dense_4h_to_h",
    };

    /// <inheritdoc/>
    public string Architecture => "GPTNeoXForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "gpt_neox";

    /// <summary>Other families' norm, and another task's dropout.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["rms_norm_eps", "classifier_dropout"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        // What stood at the top level before version 5 has names of its own.
        var defaults = Defaults with { RotatedFraction = json.Number("rotary_pct", 1e-6, 1, 0.25), Theta = json.Number("rotary_emb_base", 1, 1e15, 10_000) };
        var config = DecoderReader.Read(json, Architecture, defaults);
        var bias = json.Flag("attention_bias", true);
        return new DenseConfig(config)
        {
            Names = Names,
            KeyValueHeadCount = config.HeadCount,
            LayerPrefix = "gpt_neox.layers.",
            PaddingToken = null,
            Norm = NormKind.LayerNorm,
            NormBias = true,
            Parallel = json.Flag("use_parallel_residual", true),
            FusedQueryKeyValue = true,
            FusedByHead = true,
            Gated = false,
            Activation = ActivationReader.Read(json, "hidden_act", "gelu"),
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            FeedForwardBias = true,
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
