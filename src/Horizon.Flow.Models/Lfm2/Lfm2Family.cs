using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Lfm2;

/// <summary>LFM2: gated short convolutions, and attention with norms on query and key heads in some layers.</summary>
internal sealed class Lfm2Family() : DenseFamily("Lfm2ForCausalLM", "lfm2", new()
{
    MaximumSequenceLength = 128_000,
    SiluAlone = true,
    KeyValueHeads = 8,
    NormEpsilonKey = "norm_eps",
    NormEpsilon = 1e-5,
    TiedHead = true,
    Theta = 1_000_000,
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["norm"] = "model.embedding_norm",
        ["input_layernorm"] = "operator_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["self_attn.q_norm"] = "self_attn.q_layernorm",
        ["self_attn.k_norm"] = "self_attn.k_layernorm",
        ["self_attn.o_proj"] = "self_attn.out_proj",
        ["mlp.gate_proj"] = "feed_forward.w1",
        ["mlp.up_proj"] = "feed_forward.w3",
        ["mlp.down_proj"] = "feed_forward.w2",
    };

    /// <summary>Other families' norm, and what its authors' own code wrote beside what transformers reads.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["rms_norm_eps", "block_dim", "conv_dim", "conv_dim_out", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale", "block_use_swiglu", "block_use_xavier_init", "conv_use_xavier_init", "use_pos_enc"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var attended = json.Numbers("full_attn_idxs", 0, common.LayerCount - 1)?.Select(layer => (int)layer).ToHashSet();
        var types = WindowReader.Types(json, common.LayerCount, "conv", "full_attention");
        if (types is null && attended is null) throw json.Refuse("layer_types", "is missing");
        var convolutions = Enumerable.Range(0, common.LayerCount).Where(layer => types is null ? !attended!.Contains(layer) : types[layer] == "conv").ToHashSet();
        return common with
        {
            Names = Names,
            QueryKeyNorms = QueryKeyNormKind.Heads,
            ConvolutionLayers = convolutions,
            ConvolutionTaps = json.Integer("conv_L_cache", 1, 1 << 16, 3),
            ConvolutionBias = json.Flag("conv_bias", false),
            IntermediateSize = Inner(json, common),
            TiedHead = json.Flag("tie_embedding", common.TiedHead),
        };
    }

    // Two thirds, times a factor, up to the next multiple: what the block's width is cut to for its gate.
    private static int Inner(ConfigJson json, DenseConfig common)
    {
        var width = json.Integer("block_ff_dim", 1, DecoderReader.MaximumWidth, common.IntermediateSize);
        var factor = json.Number("block_ffn_dim_multiplier", 1e-6, 1e6, 1);
        var multiple = json.Integer("block_multiple_of", 1, DecoderReader.MaximumWidth, 256);
        if (!json.Flag("block_auto_adjust_ff_dim", true)) return width;
        var cut = (long)(factor * (2L * width / 3));
        var rounded = multiple * ((cut + multiple - 1) / multiple);
        return rounded <= DecoderReader.MaximumWidth ? (int)rounded : throw json.Refuse("block_ffn_dim_multiplier", $"makes a feed-forward network of width {rounded:N0}, which is too wide");
    }
}
