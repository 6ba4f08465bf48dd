using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.GptNeoX;

/// <summary>GPT-NeoX and Pythia: both blocks at once, q, k and v of a head side by side, a quarter of each head rotated.</summary>
internal sealed class GptNeoXFamily() : DenseFamily("GPTNeoXForCausalLM", "gpt_neox", new()
{
    MaximumSequenceLength = 2048,
    NormEpsilonKey = "layer_norm_eps",
    NormEpsilon = 1e-5,
    Activation = "gelu",
})
{
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

    /// <summary>Other families' norm, and another task's dropout.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["rms_norm_eps", "classifier_dropout"];

    /// <summary>As all do; what stood at the top level before version 5 has names of its own.</summary>
    protected override ModelConfig ReadCommon(ConfigJson json) => DecoderReader.Read(
        json, Architecture, Defaults with { RotatedFraction = json.Number("rotary_pct", 1e-6, 1, 0.25), Theta = json.Number("rotary_emb_base", 1, 1e15, 10_000) });

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => WithAttentionBias(json, common, missing: true) with
    {
        Names = Names,
        KeyValueHeadCount = common.HeadCount,
        LayerPrefix = "gpt_neox.layers.",
        PaddingToken = null,
        Norm = NormKind.LayerNorm,
        NormBias = true,
        Parallel = json.Flag("use_parallel_residual", true),
        FusedQueryKeyValue = true,
        FusedByHead = true,
        Gated = false,
        FeedForwardBias = true,
    };
}
