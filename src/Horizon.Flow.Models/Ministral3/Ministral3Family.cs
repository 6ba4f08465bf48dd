using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Ministral3;

/// <summary>Ministral 3: Llama with yarn, and queries that grow with their position.</summary>
internal sealed class Ministral3Family() : DenseFamily("Ministral3ForCausalLM", "ministral3", new()
{
    MaximumSequenceLength = 262_144,
    HeadDimension = 128,
    KeyValueHeads = 8,
    NormEpsilon = 1e-5,
    Theta = 1_000_000,
    Refused = ["attention_bias", "mlp_bias"],
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        QueryGrowth = Growth(json, common),
        SlidingWindows = WindowReader.ReadOptional(json, common.LayerCount),
    };

    private static (double Beta, int Context)? Growth(ConfigJson json, DenseConfig common)
    {
        if (json.Object("rope_parameters") is not { } settings || !settings.Has("llama_4_scaling_beta")) return null;
        return (settings.Number("llama_4_scaling_beta", 0, 1e6), settings.Integer("original_max_position_embeddings", 1, int.MaxValue, common.MaximumSequenceLength));
    }
}
