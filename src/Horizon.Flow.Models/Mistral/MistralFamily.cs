using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Mistral;

/// <summary>Mistral: Llama without biases, every layer with one sliding window.</summary>
public sealed class MistralFamily : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => "MistralForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "mistral";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "attention_bias");
        DecoderReader.RefuseFlag(json, "mlp_bias");
        var config = DecoderReader.Read(json, Architecture, maximumSequenceLength: 131_072);
        return WrittenDecoder.Read(json, config with { SlidingWindows = WindowReader.ReadUniform(json, config.LayerCount) });
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => WrittenDecoder.Define(config);
}
