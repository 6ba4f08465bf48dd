using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Glm4;

/// <summary>GLM-4 (0414): norms before and after both blocks, half of each head rotated in neighbouring pairs, one matrix for gate and up.</summary>
internal sealed class Glm4Family() : DenseFamily("Glm4ForCausalLM", "glm4", new()
{
    MaximumSequenceLength = 131_072,
    HeadDimension = 128,
    KeyValueHeads = 2,
    NormEpsilon = 1.5625e-7,
    RotatedFraction = 0.5,
    Interleaved = true,
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["attention_output_norm"] = "post_self_attn_layernorm",
        ["feed_forward_output_norm"] = "post_mlp_layernorm",
    };

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        Names = Names,
        NormAfter = true,
        FusedGateUp = true,
        QueryKeyValueBias = json.Flag("attention_bias", true),
    };
}
