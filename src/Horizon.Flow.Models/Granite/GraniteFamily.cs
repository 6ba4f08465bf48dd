using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Granite;

/// <summary>Granite: Llama with multipliers on embedding, scores, residuals and logits.</summary>
internal sealed class GraniteFamily() : DenseFamily("GraniteForCausalLM", "granite", new()
{
    MaximumSequenceLength = 2048,
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => WithAttentionBias(json, common) with
    {
        FeedForwardBias = json.Flag("mlp_bias", false),
        EmbeddingScale = Multiplier(json, "embedding_multiplier"),
        AttentionScale = Multiplier(json, "attention_multiplier"),
        ResidualScale = Multiplier(json, "residual_multiplier"),
        LogitScale = 1 / Multiplier(json, "logits_scaling"),
    };

    private static double Multiplier(ConfigJson json, string key) => json.Number(key, 1e-9, 1e9, 1);
}
