using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Glm4Moe;

/// <summary>GLM-4.5 and 4.6: DeepSeek-V3's experts behind the usual attention, half of each head rotated.</summary>
internal sealed class Glm4MoeFamily() : DenseFamily("Glm4MoeForCausalLM", "glm4_moe", new()
{
    MaximumSequenceLength = 131_072,
    KeyValueHeads = 8,
    NormEpsilon = 1e-5,
    RotatedFraction = 0.5,
    Known = ["use_qk_norm"],
})
{
    private static readonly ExpertConfig Missing = new() { Count = 128, PerToken = 8, Width = 1408 };

    /// <summary>Layers that predict further tokens are no part of the model: transformers leaves them out.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["num_nextn_predict_layers"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        QueryKeyValueBias = json.Flag("attention_bias", false),
        QueryKeyNorms = json.Flag("use_qk_norm", false) ? QueryKeyNormKind.Heads : QueryKeyNormKind.None,
        DenseLayers = ExpertReader.FirstLayers(json, common.LayerCount, 1),
        Experts = ExpertReader.ReadGrouped(json, common.LayerCount, Missing),
    };
}
