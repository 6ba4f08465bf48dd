using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Cohere2;

/// <summary>Command R7B and Command A: both blocks at once behind one LayerNorm without bias; layers with a window are rotated in neighbouring pairs, the others not at all.</summary>
internal sealed class Cohere2Family() : DenseFamily("Cohere2ForCausalLM", "cohere2", new()
{
    MaximumSequenceLength = 8192,
    NormEpsilonKey = "layer_norm_eps",
    NormEpsilon = 1e-5,
    TiedHead = true,
    Interleaved = true,
})
{
    /// <summary>Written by its authors' own code and not read by transformers.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["rms_norm_eps", "rotary_pct", "layer_switch", "order_of_interleaved_layers", "position_embedding_type", "use_embedding_sharing", "use_gated_activation", "use_parallel_block", "use_parallel_embedding"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var windows = WindowReader.ReadPattern(json, common.LayerCount, json.Integer("sliding_window_pattern", 1, int.MaxValue, 4));
        return WithAttentionBias(json, common) with
        {
            Norm = NormKind.LayerNorm,
            Parallel = true,
            SharedNorm = true,
            LogitScale = json.Number("logit_scale", 1e-9, 1e9, 0.0625),
            SlidingWindows = windows,
            UnrotatedLayers = Enumerable.Range(0, common.LayerCount).Where(layer => windows.Count == 0 || windows[layer] is null).ToHashSet(),
        };
    }
}
