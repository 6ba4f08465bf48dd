using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Ministral;

/// <summary>Ministral 8B (2410): Mistral with a window on the layers that <c>layer_types</c> names, on all of them where it is silent.</summary>
internal sealed class MinistralFamily : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => "MinistralForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "ministral";

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "attention_bias");
        DecoderReader.RefuseFlag(json, "mlp_bias");
        var config = DecoderReader.Read(json, Architecture, new DecoderDefaults { MaximumSequenceLength = 131_072, KeyValueHeads = 8 });
        var isOff = json.IsNull("sliding_window");
        return WrittenDecoder.Read(json, config with { SlidingWindows = WindowReader.ReadPattern(json, config.LayerCount, _ => !isOff) });
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => WrittenDecoder.Define(config);
}
