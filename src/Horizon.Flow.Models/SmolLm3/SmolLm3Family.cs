using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.SmolLm3;

/// <summary>SmolLM3: Llama with every fourth layer left unrotated.</summary>
internal sealed class SmolLm3Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 32_768,
        KeyValueHeads = 4,
        TiedHead = true,
        Theta = 2_000_000,
    };

    /// <inheritdoc/>
    public string Architecture => "SmolLM3ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "smollm3";

    /// <summary>Windows go by <c>layer_types</c>.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["max_window_layers"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var config = DecoderReader.Read(json, Architecture, Defaults);
        var interval = json.Integer("no_rope_layer_interval", 1, int.MaxValue, 4);
        // 1 where a layer is rotated.
        var marks = json.Numbers("no_rope_layers", 0, 1) ?? [.. Enumerable.Range(1, config.LayerCount).Select(layer => layer % interval == 0 ? 0.0 : 1)];
        if (marks.Count != config.LayerCount)
            throw json.Refuse("no_rope_layers", $"names {marks.Count} layers where num_hidden_layers is {config.LayerCount}");
        var unrotated = Enumerable.Range(0, config.LayerCount).Where(layer => marks[layer] == 0).ToHashSet();
        return new DenseConfig(config)
        {
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
            FeedForwardBias = json.Flag("mlp_bias", false),
            UnrotatedLayers = unrotated,
            SlidingWindows = json.Flag("use_sliding_window", false) && json.Has("sliding_window") ? WindowReader.ReadPattern(json, config.LayerCount, unrotated.Contains) : NoWindows(json, config.LayerCount),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);

    private static IReadOnlyList<int?> NoWindows(ConfigJson json, int layers)
    {
        WindowReader.Types(json, layers, "full_attention");
        _ = json.Has("sliding_window");
        return [];
    }
}
