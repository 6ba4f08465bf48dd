using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Granite;

/// <summary>Granite: Llama with multipliers on embedding, scores, residuals and logits.</summary>
internal sealed class GraniteFamily : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 2048,
    };

    /// <inheritdoc/>
    public string Architecture => "GraniteForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "granite";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
            FeedForwardBias = json.Flag("mlp_bias", false),
            EmbeddingScale = Multiplier(json, "embedding_multiplier"),
            AttentionScale = Multiplier(json, "attention_multiplier"),
            ResidualScale = Multiplier(json, "residual_multiplier"),
            LogitScale = 1 / Multiplier(json, "logits_scaling"),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);

    private static double Multiplier(ConfigJson json, string key) => json.Number(key, 1e-9, 1e9, 1);
}
