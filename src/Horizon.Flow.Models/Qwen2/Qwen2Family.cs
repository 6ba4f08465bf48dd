using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Qwen2;

/// <summary>Qwen2 and Qwen2.5: always biases on q, k and v, none on the output projection.</summary>
public sealed class Qwen2Family : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => "Qwen2ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "qwen2";

    /// <summary>Its biases are fixed, whatever a config.json says.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["attention_bias"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "mlp_bias");
        var config = DecoderReader.Read(json, Architecture, maximumSequenceLength: 32_768);
        return WrittenDecoder.Read(json, config with { QueryKeyValueBias = true, SlidingWindows = WindowReader.ReadByLayer(json, config.LayerCount) });
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => WrittenDecoder.Define(config);
}
