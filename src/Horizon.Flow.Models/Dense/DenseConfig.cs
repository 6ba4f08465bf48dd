using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// A dense decoder put together from parts: which norms stand where, how attention and feed-forward are built, what is scaled, and what the
/// folder calls its tensors. A family reads its config.json into one of these; <see cref="DenseDecoder"/> builds the model.
/// </summary>
internal sealed record DenseConfig : ModelConfig
{
    public DenseConfig()
    {
    }

    /// <summary>What all decoders have in common, as <see cref="DecoderReader"/> reads it.</summary>
    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public DenseConfig(ModelConfig common)
        : base(common)
    {
    }

    /// <summary>Every norm's kind.</summary>
    public NormKind Norm { get; init; }

    /// <summary>Norms have biases.</summary>
    public bool NormBias { get; init; }

    /// <summary>Norms in front of attention and feed-forward.</summary>
    public bool NormBefore { get; init; } = true;

    /// <summary>Norms behind attention and feed-forward, before what they give is added.</summary>
    public bool NormAfter { get; init; }

    /// <summary>Attention and feed-forward both read the layer's input: y = x + attention(norm x) + feed-forward(norm' x).</summary>
    public bool Parallel { get; init; }

    /// <summary>One norm for both of a parallel layer.</summary>
    public bool SharedNorm { get; init; }

    /// <summary>q, k and v are one matrix.</summary>
    public bool FusedQueryKeyValue { get; init; }

    /// <summary>In that matrix q, k and v of a head stand side by side, head after head (GPT-NeoX).</summary>
    public bool FusedByHead { get; init; }

    /// <summary>Matrices are stored [in, out] (GPT-2).</summary>
    public bool TransposedMatrices { get; init; }

    /// <summary>Norms of queries and keys.</summary>
    public QueryKeyNormKind QueryKeyNorms { get; init; }

    /// <summary>Scores are multiplied by it.</summary>
    /// <value>1 / sqrt(head width) where null.</value>
    public double? AttentionScale { get; init; }

    /// <summary>Scores are divided by the layer's number, counted from 1, too.</summary>
    public bool AttentionScaledByLayer { get; init; }

    /// <summary>Scores become cap * tanh(score / cap); null for none.</summary>
    public double? AttentionCap { get; init; }

    /// <summary>Queries are multiplied by 1 + beta * ln(1 + floor(position / context)); null for none.</summary>
    public (double Beta, int Context)? QueryGrowth { get; init; }

    /// <summary>Layers whose queries and keys are not rotated; empty for none.</summary>
    public IReadOnlySet<int> UnrotatedLayers { get; init; } = new HashSet<int>();

    /// <summary>The rotation of layers with a window; null for <see cref="ModelConfig.Rope"/>.</summary>
    public RopeConfig? SlidingRope { get; init; }

    /// <summary>down(f(gate x) * up x); otherwise down(f(up x)).</summary>
    public bool Gated { get; init; } = true;

    /// <summary>Gate and up are one matrix.</summary>
    public bool FusedGateUp { get; init; }

    /// <summary>f of the feed-forward network.</summary>
    public Activation Activation { get; init; }

    /// <summary>What the embedding is multiplied by.</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>What attention and feed-forward are multiplied by before they are added.</summary>
    public double ResidualScale { get; init; } = 1;

    /// <summary>What the logits are multiplied by.</summary>
    public double LogitScale { get; init; } = 1;

    /// <summary>Logits become cap * tanh(logit / cap); null for none.</summary>
    public double? LogitCap { get; init; }

    /// <summary>Positions are learned, one row each, and nothing is rotated.</summary>
    public bool LearnedPositions { get; init; }

    /// <summary>Layers with a short convolution in place of attention; empty for none.</summary>
    public IReadOnlySet<int> ConvolutionLayers { get; init; } = new HashSet<int>();

    /// <summary>Tokens that a convolution sees, the present one included.</summary>
    public int ConvolutionTaps { get; init; }

    /// <summary>Biases at a convolution and its projections.</summary>
    public bool ConvolutionBias { get; init; }

    /// <summary>Layers with linear attention in place of the usual one; empty for none.</summary>
    public IReadOnlySet<int> DeltaLayers { get; init; } = new HashSet<int>();

    /// <summary>Their linear attention; null where there is none.</summary>
    public DeltaConfig? Delta { get; init; }

    /// <summary>Queries' matrix has, head by head, a gate behind the query; what attention gives is multiplied by its sigmoid.</summary>
    public bool GatedAttention { get; init; }

    /// <summary>Latent attention in place of the usual one; null for none.</summary>
    public LatentConfig? Latent { get; init; }

    /// <summary>Each query head has a score of its own beside those of the keys, which takes its share of the softmax and gives nothing.</summary>
    public bool Sinks { get; init; }

    /// <summary>Values are divided by their root mean square, head by head.</summary>
    public bool ValueNorm { get; init; }

    /// <summary>Values are the keys before norm and rotation; there is no matrix for them.</summary>
    public bool KeysAreValues { get; init; }

    /// <summary>Layers whose heads are of another shape; empty for none.</summary>
    public IReadOnlyDictionary<int, HeadShape> HeadShapes { get; init; } = new Dictionary<int, HeadShape>();

    /// <summary>P: width of what the embedding says to each layer beside the hidden state; 0 for nothing.</summary>
    public int PerLayerWidth { get; init; }

    /// <summary>Rows of the table that it is looked up in.</summary>
    public int PerLayerVocabulary { get; init; }

    /// <summary>A layer's output is multiplied by a fixed number of its own.</summary>
    public bool LayerScalar { get; init; }

    /// <summary>Layers that have no keys and values of their own, and the earlier layer whose they use; empty for none.</summary>
    public IReadOnlyDictionary<int, int> KeySources { get; init; } = new Dictionary<int, int>();

    /// <summary>In the configuration of one layer (<see cref="OfLayer"/>): where the keys and values that it uses, or leaves for others, stand in what goes from layer to layer; null for nowhere.</summary>
    public SharedKeys? SharedKeys { get; init; }

    /// <summary>Layers whose feed-forward network is twice as wide; empty for none.</summary>
    public IReadOnlySet<int> DoubleWideLayers { get; init; } = new HashSet<int>();

    /// <summary>Width of what goes from layer to layer: the hidden state, behind it what the embedding says to all layers, and behind that keys and values that several layers use.</summary>
    public int CarriedWidth => HiddenSize + (LayerCount * PerLayerWidth) + Sources.Sum(WidthOfKeys);

    /// <summary>Experts in place of the feed-forward network; null for none.</summary>
    public ExpertConfig? Experts { get; init; }

    /// <summary>The experts stand beside the feed-forward network, each with a norm of what it gives; the router reads the hidden state before the experts' own norm.</summary>
    public bool ExpertsBeside { get; init; }

    /// <summary>Layers without experts; empty for none.</summary>
    public IReadOnlySet<int> DenseLayers { get; init; } = new HashSet<int>();

    /// <summary>The text model of a larger one (<see cref="NestedTextFamily"/>).</summary>
    public bool IsNested { get; init; }

    /// <summary>What stands before embedding and final norm in the model folder's names.</summary>
    public string ModelPrefix { get; init; } = "model.";

    /// <summary>What stands before the head.</summary>
    public string HeadPrefix { get; init; } = "";

    /// <summary>What stands before the number of a layer in the model folder's names.</summary>
    public string LayerPrefix { get; init; } = "model.layers.";

    /// <summary>
    /// The model folder's names where they differ from <see cref="Roles"/>, without <c>.weight</c> and <c>.bias</c>: within a layer, or whole for
    /// embedding, final norm and head. The star in <c>mlp.experts.*.gate_proj</c> stands for the number of an expert.
    /// </summary>
    public IReadOnlyDictionary<string, string> Names { get; init; } = new Dictionary<string, string>();

    /// <summary>The same with the heads and widths of one layer.</summary>
    public DenseConfig OfLayer(int layer)
    {
        var own = HeadShapes.TryGetValue(layer, out var shape)
            ? this with { HeadDimension = shape.Width, KeyValueHeadCount = shape.KeyValueHeads, KeysAreValues = shape.KeysAreValues }
            : this;
        if (AttentionScaledByLayer) own = own with { AttentionScale = (AttentionScale ?? (1 / Math.Sqrt(own.HeadDimension))) / (layer + 1) };
        if (DoubleWideLayers.Contains(layer)) own = own with { IntermediateSize = 2 * IntermediateSize };
        var source = KeySources.GetValueOrDefault(layer, layer);
        return !Sources.Contains(source) ? own
            : own with { SharedKeys = new(CarriedWidth - Sources.Where(other => other >= source).Sum(WidthOfKeys), WidthOfKeys(source), layer == source) };
    }

    // Ascending.
    private IEnumerable<int> Sources => KeySources.Values.Distinct().Order();

    // Keys and values side by side.
    private int WidthOfKeys(int layer) => HeadShapes.TryGetValue(layer, out var shape) ? 2 * shape.Width * shape.KeyValueHeads : 2 * HeadDimension * KeyValueHeadCount;

    /// <summary>The experts of a layer; null where it has none.</summary>
    public ExpertConfig? ExpertsOf(int layer) => DenseLayers.Contains(layer) ? null : Experts;

    /// <summary>The rotation of a layer; null where there is none.</summary>
    public RopeConfig? RopeOf(int layer) =>
        LearnedPositions || UnrotatedLayers.Contains(layer) ? null
        : SlidingRope is not null && SlidingWindow(layer) is not null ? SlidingRope
        : Rope;
}
