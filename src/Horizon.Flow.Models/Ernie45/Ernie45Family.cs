using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Ernie45;

/// <summary>ERNIE 4.5 (dense): Llama rotated in neighbouring pairs.</summary>
internal sealed class Ernie45Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 131_072,
        HeadDimension = 128,
        KeyValueHeads = 2,
        NormEpsilon = 1e-5,
        TiedHead = true,
        Theta = 500_000,
        Interleaved = true,
    };

    /// <inheritdoc/>
    public string Architecture => "Ernie4_5ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "ernie4_5";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        var bias = json.Flag("use_bias", false);
        return new DenseConfig(config)
        {
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            FeedForwardBias = bias,
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
