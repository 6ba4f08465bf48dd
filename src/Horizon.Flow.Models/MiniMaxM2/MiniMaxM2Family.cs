using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.MiniMaxM2;

/// <summary>MiniMax-M2: norms over all queries and all keys, a part of each head rotated, sigmoid routing with corrections.</summary>
internal sealed class MiniMaxM2Family() : DenseFamily("MiniMaxM2ForCausalLM", "minimax_m2", new()
{
    MaximumSequenceLength = 196_608,
    HeadDimension = 128,
    KeyValueHeads = 8,
    Theta = 5_000_000,
    RotatedFraction = 1,
    Known = ["use_qk_norm"],
    Refused = ["attention_bias"],
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["mlp.gate"] = "block_sparse_moe.gate",
        ["mlp.gate.e_score_correction_bias"] = "block_sparse_moe.e_score_correction_bias",
        ["mlp.experts.*.gate_proj"] = "block_sparse_moe.experts.*.w1",
        ["mlp.experts.*.up_proj"] = "block_sparse_moe.experts.*.w3",
        ["mlp.experts.*.down_proj"] = "block_sparse_moe.experts.*.w2",
    };

    /// <summary>What the configuration keeps of its authors' earlier models, and of layers that predict further tokens, which are no part of this one.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } =
        ["max_model_len", "mlp_intermediate_size", "mtp_transformer_layers", "num_mtp_modules", "shared_moe_mode", "swa_rope_theta", "use_mtp"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        RefuseVariants(json);
        // The published files say by rotary_dim how much of a head turns. Those that transformers wrote have rope_parameters, and up to 5.17 it computed by these alone.
        var rotated = json.Integer("rotary_dim", 2, common.HeadDimension, common.HeadDimension / 2);
        var isPublished = json.Object("rope_parameters") is null;
        return common with
        {
            Names = Names,
            QueryKeyNorms = QueryKeyNormKind.Whole,
            Rope = isPublished ? common.Rope with { RotatedFraction = (double)rotated / common.HeadDimension } : common.Rope,
            Experts = ExpertReader.Read(json, common.LayerCount, new()
            {
                Count = 256,
                PerToken = 8,
                Width = common.IntermediateSize,
                Router = RouterKind.Sigmoid,
                Normalized = true,
            }),
        };
    }

    // Switches of its authors' own code, which transformers does not have: they must say what it does.
    private static void RefuseVariants(ConfigJson json)
    {
        DecoderReader.Require(json, "router_jitter_noise", 0);
        DecoderReader.Require(json, "scoring_func", "sigmoid");
        DecoderReader.Require(json, "qk_norm_type", "per_layer");
        DecoderReader.Require(json, "shared_intermediate_size", 0);
        foreach (var beta in new[] { "layernorm_full_attention_beta", "layernorm_linear_attention_beta", "layernorm_mlp_beta" }) DecoderReader.Require(json, beta, 1);
        foreach (var flag in new[] { "use_qk_norm", "use_routing_bias" })
            DecoderReader.RequireFlag(json, flag);
        if (json.Numbers("attn_type_list", 0, 9)?.Any(type => type != 1) == true)
            throw json.Refuse("attn_type_list", "has other layers than those of full attention (1), which is not supported");
        if (json.Has("sliding_window")) throw json.Refuse("sliding_window", "is not supported for this architecture; remove it");
    }
}
