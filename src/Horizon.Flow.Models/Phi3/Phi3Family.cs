using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Phi3;

/// <summary>Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: one matrix for q, k and v, one for gate and up, a part of each head rotated, longrope.</summary>
internal sealed class Phi3Family() : DenseFamily("Phi3ForCausalLM", "phi3", new()
{
    MaximumSequenceLength = 4096,
    NormEpsilon = 1e-5,
    RotatedFraction = 1,
    Refused = ["attention_bias", "mlp_bias", "lm_head_bias"],
})
{
    /// <summary>The original context counts where frequencies are scaled; the others are notes of its authors' own code.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["original_max_position_embeddings", "full_attn_mod", "interpolate_factor"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        FusedQueryKeyValue = true,
        FusedGateUp = true,
        SlidingWindows = WindowReader.ReadOptional(json, common.LayerCount),
    };
}
