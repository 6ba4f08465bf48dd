using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Qwen3Next;

/// <summary>
/// Qwen3-Next: three of four layers with linear attention, gates behind the others' attention, norms centred at zero, a quarter of each head rotated, and
/// experts beside a shared one that has a gate.
/// </summary>
internal sealed class Qwen3NextFamily() : DenseFamily("Qwen3NextForCausalLM", "qwen3_next", new()
{
    MaximumSequenceLength = 32_768,
    SiluAlone = true,
    HeadDimension = 256,
    KeyValueHeads = 2,
    IntermediateSize = 5632,
    RotatedFraction = 0.25,
    Refused = ["use_sliding_window"],
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var config = ReadShared(json, common, fusedByHead: true);
        return config with
        {
            DenseLayers = ExpertReader.LayersWithout(json, common.LayerCount),
            Experts = ReadExperts(json, common, count: 512, perToken: 10, normalized: json.Flag("norm_topk_prob", true)),
            Names = SharedExpert,
        };
    }

    /// <summary>What the checkpoint calls the shared expert.</summary>
    public static IReadOnlyDictionary<string, string> SharedExpert { get; } = new Dictionary<string, string>
    {
        ["mlp.shared_experts.gate_proj"] = "mlp.shared_expert.gate_proj",
        ["mlp.shared_experts.up_proj"] = "mlp.shared_expert.up_proj",
        ["mlp.shared_experts.down_proj"] = "mlp.shared_expert.down_proj",
    };

    /// <summary>Both attentions and the norms, which Qwen3.5 has too.</summary>
    public static DenseConfig ReadShared(ConfigJson json, DenseConfig common, bool fusedByHead) => WithAttentionBias(json, common) with
    {
        Norm = NormKind.RmsPlusOne,
        QueryKeyNorms = QueryKeyNormKind.Heads,
        GatedAttention = true,
        Delta = DeltaReader.Read(json, fusedByHead),
        DeltaLayers = DeltaReader.Layers(json, common.LayerCount),
    };

    /// <summary>The experts and the shared one.</summary>
    public static ExpertConfig ReadExperts(ConfigJson json, DenseConfig common, int count, int perToken, bool normalized) => ExpertReader.Read(json, common.LayerCount, new()
    {
        Count = count,
        PerToken = perToken,
        Width = json.Integer("moe_intermediate_size", 1, DecoderReader.MaximumWidth, 512),
        Normalized = normalized,
        SharedWidth = json.Integer("shared_expert_intermediate_size", 1, DecoderReader.MaximumWidth, 512),
        SharedGated = true,
    });
}
