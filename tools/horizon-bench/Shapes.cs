using Horizon.Flow.Models;

namespace Horizon.Flow.Bench;

/// <summary>The shapes of real models, with random weights.</summary>
internal static class Shapes
{
    private static readonly Dictionary<string, ModelConfig> _shapes = new([
        KeyValuePair.Create("tiny", Qwen(64, 160, 2, 4, 2, 16, 512, tied: true)),
        KeyValuePair.Create("qwen2.5-0.5b", Qwen(896, 4864, 24, 14, 2, 64, 151_936, tied: true)),
        KeyValuePair.Create("qwen2.5-1.5b", Qwen(1536, 8960, 28, 12, 2, 128, 151_936, tied: true)),
        KeyValuePair.Create("qwen2.5-7b", Qwen(3584, 18_944, 28, 28, 4, 128, 152_064, tied: false)),
        KeyValuePair.Create("qwen2.5-7b-14layers", Qwen(3584, 18_944, 14, 28, 4, 128, 152_064, tied: false)),
        .. Enumerable.Range(1, 5).Select(width => KeyValuePair.Create($"width-{width}x", Qwen(1024 * width, 3072 * width, 4, 8 * width, 2 * width, 128, 4096, tied: false))),
    ]);

    public static IEnumerable<string> Names => _shapes.Keys;

    public static ModelConfig Named(string name) =>
        _shapes.TryGetValue(name, out var shape) || _shapes.TryGetValue($"qwen2.5-{name}", out shape) ? shape
        : throw new HorizonException($"there is no shape '{name}'; there are {string.Join(", ", Names)}");

    private static ModelConfig Qwen(int hidden, int intermediate, int layers, int heads, int keyHeads, int headWidth, int vocabulary, bool tied) => new()
    {
        Architecture = "Qwen2ForCausalLM",
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        LayerCount = layers,
        HeadCount = heads,
        KeyValueHeadCount = keyHeads,
        HeadDimension = headWidth,
        VocabularySize = vocabulary,
        TiedHead = tied,
        MaximumSequenceLength = 32_768,
        QueryKeyValueBias = true,
        Rope = new RopeConfig { Theta = 1_000_000 },
    };
}
