using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Llama;

/// <summary>Llama 1 to 3: <c>attention_bias</c> covers all four projections of the attention.</summary>
public sealed class LlamaFamily : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => "LlamaForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "llama";

    /// <summary>Windows: transformers' Llama has none, whatever a config.json says.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["sliding_window", "use_sliding_window", "max_window_layers"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        WindowReader.RefuseWindows(json);
        return WrittenDecoder.Read(json, DecoderReader.Read(json, Architecture, maximumSequenceLength: 2048) with
        {
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
            FeedForwardBias = json.Flag("mlp_bias", false),
        });
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => WrittenDecoder.Define(config);
}
