using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Qwen3Moe;

/// <summary>Qwen3-MoE: Qwen3 with experts in the layers that the configuration names.</summary>
internal sealed class Qwen3MoeFamily() : DenseFamily("Qwen3MoeForCausalLM", "qwen3_moe", new()
{
    MaximumSequenceLength = 32_768,
    KeyValueHeads = 4,
    Refused = ["mlp_bias"],
})
{
    /// <summary>Where windows are on, transformers gives every layer one, whatever stands here.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["max_window_layers"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var windows = WindowReader.ReadOptional(json, common.LayerCount);
        return WithAttentionBias(json, common) with
        {
            QueryKeyNorms = QueryKeyNormKind.Heads,
            SlidingWindows = json.Flag("use_sliding_window", false) ? windows : [],
            DenseLayers = ExpertReader.LayersWithout(json, common.LayerCount),
            Experts = ExpertReader.Read(json, common.LayerCount, new()
            {
                Count = 128,
                PerToken = 8,
                Width = json.Integer("moe_intermediate_size", 1, DecoderReader.MaximumWidth, 768),
                Normalized = json.Flag("norm_topk_prob", false),
            }),
        };
    }
}
