using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.HunYuanDense;

/// <summary>Hunyuan (dense): Llama with norms on query and key heads behind the rotation.</summary>
internal sealed class HunYuanDenseFamily() : DenseFamily("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", new()
{
    MaximumSequenceLength = 2048,
    NormEpsilon = 1e-5,
    RopeAlpha = true,
    Known = ["use_qk_norm"],
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["self_attn.q_norm"] = "self_attn.query_layernorm",
        ["self_attn.k_norm"] = "self_attn.key_layernorm",
    };

    /// <summary>A token, and biases that this architecture does not have.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["eod_token_id", "mlp_bias"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        if (!json.Flag("use_qk_norm", true)) throw json.Refuse("use_qk_norm", "is false, which transformers does not know for this architecture");
        return WithAttentionBias(json, common) with
        {
            Names = Names,
            QueryKeyNorms = QueryKeyNormKind.HeadsAfterRotation,
        };
    }
}
