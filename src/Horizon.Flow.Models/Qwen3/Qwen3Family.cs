using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Qwen3;

/// <summary>Qwen3: an RMS norm on each query and key head, a head width of its own (128 where config.json is silent).</summary>
public sealed class Qwen3Family : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => "Qwen3ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "qwen3";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "mlp_bias");
        var config = DecoderReader.Read(json, Architecture, maximumSequenceLength: 32_768, headDimension: 128);
        return WrittenDecoder.Read(json, config with
        {
            QueryKeyNorm = true,
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
            SlidingWindows = WindowReader.ReadByLayer(json, config.LayerCount),
        });
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => WrittenDecoder.Define(config);
}
