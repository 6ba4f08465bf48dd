using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Granite;

/// <summary>Granite 3: Llama with multipliers on embedding, scores, residuals and logits. Published files have a dropout of attention, which fine-tuning leaves out.</summary>
internal sealed class GraniteFamily() : DenseFamily("GraniteForCausalLM", "granite", new()
{
    MaximumSequenceLength = 2048,
    Known = ["attention_dropout"],
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => ReadShared(json, common) with { FeedForwardBias = json.Flag("mlp_bias", false) };

    /// <summary>The multipliers, which Granite 4 has too.</summary>
    internal static DenseConfig ReadShared(ConfigJson json, DenseConfig common) => WithAttentionBias(json, common) with
    {
        EmbeddingScale = Multiplier(json, "embedding_multiplier"),
        AttentionScale = Multiplier(json, "attention_multiplier"),
        ResidualScale = Multiplier(json, "residual_multiplier"),
        LogitScale = 1 / Multiplier(json, "logits_scaling"),
    };

    private static double Multiplier(ConfigJson json, string key) => json.Number(key, 1e-9, 1e9, 1);
}
