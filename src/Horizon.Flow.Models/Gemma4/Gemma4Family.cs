using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Models.Gemma2;

namespace Horizon.Flow.Models.Gemma4;

/// <summary>
/// Gemma 4 (text): Gemma 3 with norms of values, other heads in layers that see everything, an embedding that speaks to every layer, last layers that use earlier ones' keys and values (E2B, E4B), and
/// experts beside the feed-forward network (26B-A4B).
/// </summary>
internal sealed class Gemma4Family() : DenseFamily("Gemma4ForCausalLM", "gemma4_text", new()
{
    MaximumSequenceLength = 131_072,
    HeadDimension = 256,
    KeyValueHeads = 4,
    TiedHead = true,
    ActivationKey = "hidden_activation",
    Activation = "gelu_pytorch_tanh",
    RopeByLayerType = true,
    RotatedFraction = 1,
})
{
    // What transformers assumes where the file has no rotary settings.
    private static readonly RopeConfig FullRope = new() { Kind = RopeKind.Proportional, Theta = 1_000_000, RotatedFraction = 0.25 };

    private static readonly Dictionary<string, string> Names = new(Gemma2Family.Names)
    {
        ["mlp.gate"] = "router.proj",
        ["mlp.gate.scale"] = "router.scale",
        ["mlp.gate.per_expert_scale"] = "router.per_expert_scale",
        ["mlp.experts.gate_up_proj"] = "experts.gate_up_proj",
        ["mlp.experts.down_proj"] = "experts.down_proj",
        ["dense_output_norm"] = "post_feedforward_layernorm_1",
        ["expert_input_norm"] = "pre_feedforward_layernorm_2",
        ["expert_output_norm"] = "post_feedforward_layernorm_2",
    };

    /// <summary>Its curve is <c>hidden_activation</c>; the others mean something only where experts are on.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["hidden_act", "num_experts", "top_k_experts", "moe_intermediate_size"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        if (json.Text("use_bidirectional_attention") is { } both && both != "vision") // images alone see each other
            throw json.Refuse("use_bidirectional_attention", $"'{both}' is not supported; supported is null");
        var (full, sliding) = json.Has("rope_parameters") ? RopeReader.ReadByLayerType(json, Defaults, common, localTheta: null) : (FullRope, new RopeConfig());
        var perLayer = json.Integer("hidden_size_per_layer_input", 0, DecoderReader.MaximumWidth / common.LayerCount, 256);
        var config = WithAttentionBias(json, common) with
        {
            Names = Names,
            Norm = NormKind.WideRms,
            NormAfter = true,
            QueryKeyNorms = QueryKeyNormKind.Heads,
            ValueNorm = true,
            EmbeddingScale = Math.Sqrt(common.HiddenSize),
            AttentionScale = 1,
            LogitCap = Gemma2Family.Cap(json, "final_logit_softcapping", missing: null),
            Rope = full,
            SlidingRope = sliding,
            SlidingWindows = Windows(json, common.LayerCount),
            LayerScalar = true,
            PerLayerWidth = perLayer,
            PerLayerVocabulary = json.Integer("vocab_size_per_layer_input", perLayer > 0 ? common.VocabularySize : 1, 1 << 28, 262_144),
        };
        var sharing = Enumerable.Range(0, common.LayerCount).TakeLast(json.Integer("num_kv_shared_layers", 0, common.LayerCount - 1, 0)).ToList();
        var doubled = json.Flag("use_double_wide_mlp", false) ? sharing : [];
        if (doubled.Count > 0 && common.IntermediateSize > DecoderReader.MaximumWidth / 2) throw json.Refuse("use_double_wide_mlp", $"makes intermediate_size ({common.IntermediateSize}) too wide");
        config = config with
        {
            HeadShapes = Shapes(json, config),
            KeySources = sharing.ToDictionary(layer => layer, layer => Source(json, config, layer, sharing[0])),
            DoubleWideLayers = doubled.ToHashSet(),
        };
        if (config.KeySources.FirstOrDefault(pair => config.HeadShapes[pair.Key] != config.HeadShapes[pair.Value]) is { Key: > 0 } other)
            throw json.Refuse("per_layer_config", $"gives layer {other.Key} heads of another shape than layer {other.Value} has, whose keys and values it uses (num_kv_shared_layers)");
        return json.Flag("enable_moe_block", false) ? config with { Experts = Experts(json, config), ExpertsBeside = true } : config;
    }

    // The last layer with keys and values of its own that sees as much.
    private static int Source(ConfigJson json, DenseConfig config, int layer, int first) =>
        Enumerable.Range(0, first).LastOrDefault(own => config.SlidingWindow(own) == config.SlidingWindow(layer), -1) is >= 0 and var source ? source
        : throw json.Refuse("num_kv_shared_layers", $"lets layer {layer} use the keys and values of an earlier layer of its kind in layer_types, and there is none before layer {first}");

    private static ExpertConfig Experts(ConfigJson json, DenseConfig config) => ExpertReader.Read(
        json, config.LayerCount,
        new()
        {
            Count = json.Integer("num_experts", 1, 1 << 12),
            PerToken = json.Integer("top_k_experts", 1, 1 << 12),
            Width = json.Integer("moe_intermediate_size", 1, DecoderReader.MaximumWidth),
            Normalized = true,
            RouterNormEpsilon = config.NormEpsilon,
            Fused = true,
        },
        balancing: null, perToken: "top_k_experts");

    // The last layer sees everything, whatever the file says.
    private static IReadOnlyList<int?> Windows(ConfigJson json, int layers)
    {
        var windows = WindowReader.ReadPattern(json, layers, layer => (layer + 1) % 6 != 0 && layer != layers - 1, missing: 512);
        return windows.Count == 0 ? windows : [.. windows.Take(layers - 1), null];
    }

    // Layers that see everything have heads of their own: one width for all of them, or, since transformers 5.17, the settings of each layer by its number.
    private static Dictionary<int, HeadShape> Shapes(ConfigJson json, DenseConfig config)
    {
        var byLayer = json.Object("per_layer_config");
        var wide = json.Integer("global_head_dim", 1, 1 << 16, byLayer is null ? 512 : config.HeadDimension);
        var same = json.Flag("attention_k_eq_v", false);
        var keys = json.Integer("num_global_key_value_heads", 1, config.HeadCount, config.KeyValueHeadCount);
        var shapes = new Dictionary<int, HeadShape>();
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            var shape = config.SlidingWindow(layer) is null
                ? new HeadShape(wide, same ? keys : config.KeyValueHeadCount, same)
                : new HeadShape(config.HeadDimension, config.KeyValueHeadCount, false);
            if (byLayer?.Object($"{layer}") is { } own)
                shape = shape with { Width = own.Integer("head_dim", 1, 1 << 16, shape.Width), KeyValueHeads = own.Integer("num_key_value_heads", 1, config.HeadCount, shape.KeyValueHeads) };
            if (config.HeadCount % shape.KeyValueHeads != 0)
                throw json.Refuse("num_attention_heads", $"({config.HeadCount}) must be a multiple of the {shape.KeyValueHeads} key/value heads of layer {layer}");
            shapes[layer] = shape;
        }

        return shapes;
    }
}
