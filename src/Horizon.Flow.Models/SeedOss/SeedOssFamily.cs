using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.SeedOss;

/// <summary>Seed-OSS: Llama with biases on q, k and v.</summary>
internal sealed class SeedOssFamily : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 524_288,
        HeadDimension = 128,
        Known = ["attention_dropout", "residual_dropout"],
    };

    /// <inheritdoc/>
    public string Architecture => "SeedOssForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "seed_oss";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        return new DenseConfig(config)
        {
            QueryKeyValueBias = json.Flag("attention_bias", true),
            AttentionOutputBias = json.Flag("attention_out_bias", false),
            FeedForwardBias = json.Flag("mlp_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
