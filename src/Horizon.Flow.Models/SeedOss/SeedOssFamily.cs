using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.SeedOss;

/// <summary>Seed-OSS: Llama with biases on q, k and v.</summary>
internal sealed class SeedOssFamily() : DenseFamily("SeedOssForCausalLM", "seed_oss", new()
{
    MaximumSequenceLength = 524_288,
    HeadDimension = 128,
    Known = ["attention_dropout", "residual_dropout"],
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        QueryKeyValueBias = json.Flag("attention_bias", true),
        AttentionOutputBias = json.Flag("attention_out_bias", false),
        FeedForwardBias = json.Flag("mlp_bias", false),
    };
}
