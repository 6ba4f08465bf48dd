using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Mixtral;

/// <summary>Mixtral: Mistral with experts, softmax over all of them, the weights of the chosen divided by their sum.</summary>
internal sealed class MixtralFamily() : DenseFamily("MixtralForCausalLM", "mixtral", new()
{
    MaximumSequenceLength = 131_072,
    KeyValueHeads = 8,
    NormEpsilon = 1e-5,
    Theta = 1_000_000,
    Refused = ["attention_bias", "mlp_bias"],
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["mlp.gate"] = "block_sparse_moe.gate",
        ["mlp.experts.*.gate_proj"] = "block_sparse_moe.experts.*.w1",
        ["mlp.experts.*.up_proj"] = "block_sparse_moe.experts.*.w3",
        ["mlp.experts.*.down_proj"] = "block_sparse_moe.experts.*.w2",
    };

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        DecoderReader.Require(json, "router_jitter_noise", 0);
        return common with
        {
            Names = Names,
            SlidingWindows = WindowReader.ReadOptional(json, common.LayerCount),
            Experts = ExpertReader.Read(json, common.LayerCount, new()
            {
                Count = 8,
                PerToken = 2,
                Width = common.IntermediateSize,
                Normalized = true,
            }),
        };
    }
}
