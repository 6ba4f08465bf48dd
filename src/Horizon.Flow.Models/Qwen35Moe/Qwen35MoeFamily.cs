using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Qwen35;
using Horizon.Flow.Models.Qwen3Next;

namespace Horizon.Flow.Models.Qwen35Moe;

/// <summary>Qwen3.5 (text) with Qwen3-Next's experts in every layer.</summary>
internal sealed class Qwen35MoeFamily() : DenseFamily("Qwen3_5MoeForCausalLM", "qwen3_5_moe_text", new()
{
    MaximumSequenceLength = 32_768,
    SiluAlone = true,
    HeadDimension = 256,
    KeyValueHeads = 2,
    IntermediateSize = 512,
    RotatedFraction = 0.25,
})
{
    /// <summary>As in the dense model; no layer has the width of a dense one.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = [.. Qwen35Family.Shared, "intermediate_size"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        if (json.Numbers("mlp_only_layers", 0, int.MaxValue) is { Count: > 0 }) throw json.Refuse("mlp_only_layers", "is not supported for this architecture; every layer has experts");
        DecoderReader.RequireFlag(json, "norm_topk_prob");
        return Qwen35Family.ReadShared(json, common) with
        {
            Names = Qwen3NextFamily.SharedExpert,
            Experts = Qwen3NextFamily.ReadExperts(json, common, count: 256, perToken: 8, normalized: true),
        };
    }
}
