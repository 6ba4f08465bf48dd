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
    // What transformers assumes where the file has no rotary settings.
    private static readonly RopeConfig Stretched = new() { Kind = RopeKind.Yarn, Theta = 1_000_000, Factor = 16, OriginalMaximumSequenceLength = 16_384 };

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        Rope = IsSilent(json) ? Stretched : common.Rope,
        QueryGrowth = IsSilent(json) ? (0.1, Stretched.OriginalMaximumSequenceLength) : Growth(json, common),
        SlidingWindows = WindowReader.ReadOptional(json, common.LayerCount),
    };

    private static bool IsSilent(ConfigJson json)
    {
        if (json.Has("rope_parameters") || json.Has("rope_scaling")) return false;
        return !json.Has("rope_theta") ? true : throw json.Refuse("rope_theta", "stands alone, where transformers takes settings of its own in its place; put it into rope_parameters");
    }

    private static (double Beta, int Context)? Growth(ConfigJson json, DenseConfig common)
    {
        if (json.Object("rope_parameters") is not { } settings || !settings.Has("llama_4_scaling_beta")) return null;
        return (settings.Number("llama_4_scaling_beta", 0, 1e6), settings.Integer("original_max_position_embeddings", 1, int.MaxValue, common.MaximumSequenceLength));
    }
}
