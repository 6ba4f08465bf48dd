using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Olmo2;

/// <summary>OLMo 2: norms behind both blocks alone, and over all queries and all keys.</summary>
internal sealed class Olmo2Family() : DenseFamily("Olmo2ForCausalLM", "olmo2", new()
{
    MaximumSequenceLength = 2048,
    NormEpsilon = 1e-5,
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["attention_output_norm"] = "post_attention_layernorm",
        ["feed_forward_output_norm"] = "post_feedforward_layernorm",
    };

    /// <summary>What OLMo 2 and OLMo 3 have in common.</summary>
    internal static DenseConfig ReadShared(ConfigJson json, DenseConfig common) => WithAttentionBias(json, common) with
    {
        Names = Names,
        Norm = NormKind.WideRms,
        NormBefore = false,
        NormAfter = true,
        QueryKeyNorms = QueryKeyNormKind.Whole,
    };

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => ReadShared(json, common);
}
