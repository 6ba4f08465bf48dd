using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.SmolLm3;

/// <summary>SmolLM3: Llama with every fourth layer left unrotated.</summary>
internal sealed class SmolLm3Family() : DenseFamily("SmolLM3ForCausalLM", "smollm3", new()
{
    MaximumSequenceLength = 32_768,
    KeyValueHeads = 4,
    TiedHead = true,
    Theta = 2_000_000,
})
{
    /// <summary>Windows go by <c>layer_types</c>.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["max_window_layers"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var interval = json.Integer("no_rope_layer_interval", 1, int.MaxValue, 4);
        // 1 where a layer is rotated.
        var marks = json.Numbers("no_rope_layers", 0, 1) ?? [.. Enumerable.Range(1, common.LayerCount).Select(layer => layer % interval == 0 ? 0.0 : 1)];
        if (marks.Count != common.LayerCount)
            throw json.Refuse("no_rope_layers", $"names {marks.Count} layers where num_hidden_layers is {common.LayerCount}");
        var unrotated = Enumerable.Range(0, common.LayerCount).Where(layer => marks[layer] == 0).ToHashSet();
        return WithAttentionBias(json, common) with
        {
            FeedForwardBias = json.Flag("mlp_bias", false),
            UnrotatedLayers = unrotated,
            SlidingWindows = Windows(json, common.LayerCount, unrotated),
        };
    }

    private static IReadOnlyList<int?> Windows(ConfigJson json, int layers, HashSet<int> unrotated)
    {
        var (isUsed, isThere) = (json.Flag("use_sliding_window", false), json.Has("sliding_window"));
        if (isUsed && isThere) return WindowReader.ReadPattern(json, layers, unrotated.Contains);
        WindowReader.RefuseWindows(json);
        return [];
    }
}
