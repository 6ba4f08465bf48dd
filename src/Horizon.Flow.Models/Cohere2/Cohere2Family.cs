using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Cohere2;

/// <summary>Command R7B and Command A: both blocks at once behind one LayerNorm without bias; layers with a window are rotated in neighbouring pairs, the others not at all.</summary>
internal sealed class Cohere2Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 8192,
        NormEpsilonKey = "layer_norm_eps",
        NormEpsilon = 1e-5,
        TiedHead = true,
        Interleaved = true,
    };

    /// <inheritdoc/>
    public string Architecture => "Cohere2ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "cohere2";

    /// <summary>Written by its authors' own code and not read by transformers.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["rms_norm_eps", "rotary_pct", "layer_switch", "order_of_interleaved_layers", "position_embedding_type", "use_embedding_sharing", "use_gated_activation", "use_parallel_block", "use_parallel_embedding"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        var pattern = json.Integer("sliding_window_pattern", 1, int.MaxValue, 4);
        var windows = WindowReader.ReadPattern(json, config.LayerCount, layer => (layer + 1) % pattern != 0);
        return new DenseConfig(config)
        {
            Norm = NormKind.LayerNorm,
            Parallel = true,
            SharedNorm = true,
            LogitScale = json.Number("logit_scale", 1e-9, 1e9, 0.0625),
            SlidingWindows = windows,
            UnrotatedLayers = Enumerable.Range(0, config.LayerCount).Where(layer => windows.Count == 0 || windows[layer] is null).ToHashSet(),
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
