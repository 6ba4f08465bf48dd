using System.Text.Json.Serialization;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Models.Adapters;

namespace Horizon.Flow.Models;

/// <summary>
/// What config.json says about a decoder-only transformer, in one form for all families. A family of your own may derive from it
/// to carry more.
/// </summary>
public record ModelConfig
{
    /// <summary>The architecture's name, such as <c>LlamaForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the hidden state.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward network.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of decoder layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key and value heads; divides <see cref="HeadCount"/>.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Width of one head; even.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>The longest sequence that the model's positions allow.</summary>
    public required int MaximumSequenceLength { get; init; }

    /// <summary>Added to the mean square in every RMS norm.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Rotary embedding.</summary>
    public RopeConfig Rope { get; init; } = new();

    /// <summary>Biases on the query, key and value projections.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>A bias on the attention's output projection.</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>Biases in the feed-forward network.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>An RMS norm over each query and key head before the rotation (Qwen3).</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>The output projection is the embedding's own matrix.</summary>
    public bool TiedHead { get; init; }

    /// <summary>One entry a layer: a token sees this many tokens, itself included; null for all. Empty: all layers see all.</summary>
    public IReadOnlyList<int?> SlidingWindows { get; init; } = [];

    /// <summary>
    /// The row of the embedding that the lookup does not train (torch's <c>padding_idx</c>, from <c>pad_token_id</c>); null for none.
    /// </summary>
    public int? PaddingToken { get; init; }

    /// <summary>Standard deviation of new weights.</summary>
    /// <value>0.02.</value>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The type that the weights were written in (<c>dtype</c> or <c>torch_dtype</c>), if it says.</summary>
    public ElementType? CheckpointType { get; init; }

    /// <summary>Low-rank adapters, which are trained while everything else is fixed; null for none. No part of config.json.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public AdapterConfig? Adapter { get; init; }

    /// <summary>How many units hold the experts of a layer, each with its own buffer, version and slab, beside that of the rest of the layer; 1 for one with all of it. No part of config.json.</summary>
    /// <value>1.</value>
    /// <remarks>See <see cref="Models.ExpertParts"/>.</remarks>
    [JsonIgnore]
    public int ExpertParts { get; init; } = 1;

    /// <summary>The window of one layer; null where it sees all earlier tokens.</summary>
    public int? SlidingWindow(int layer) => SlidingWindows.Count == 0 ? null : SlidingWindows[layer];
}
