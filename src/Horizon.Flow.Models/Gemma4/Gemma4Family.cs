using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Gemma2;

namespace Horizon.Flow.Models.Gemma4;

/// <summary>Gemma 4 (text): Gemma 3 with norms of values, other heads in layers that see everything, and an embedding that speaks to every layer.</summary>
internal sealed class Gemma4Family() : DenseFamily("Gemma4ForCausalLM", "gemma4_text", new()
{
    MaximumSequenceLength = 131_072,
    HeadDimension = 256,
    KeyValueHeads = 4,
    TiedHead = true,
    OwnActivation = true,
    RopeByLayerType = true,
    RotatedFraction = 1,
    Refused = ["enable_moe_block"],
})
{
    // What transformers assumes where the file has no rotary settings.
    private static readonly RopeConfig FullRope = new() { Kind = RopeKind.Proportional, Theta = 1_000_000, RotatedFraction = 0.25 };

    /// <summary>Its curve is <c>hidden_activation</c>; the others mean something only where experts or shared keys are on, which are refused.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["hidden_act", "num_experts", "top_k_experts", "moe_intermediate_size", "use_double_wide_mlp"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        if (json.Text("use_bidirectional_attention") is { } both && both != "vision") // images alone see each other
            throw json.Refuse("use_bidirectional_attention", $"'{both}' is not supported; supported is null");
        if (json.Integer("num_kv_shared_layers", 0, common.LayerCount, 0) > 0)
            throw json.Refuse("num_kv_shared_layers", "is not supported: the last layers would use keys and values of earlier ones; supported is 0");
        var (full, sliding) = json.Has("rope_parameters") ? RopeReader.ReadByLayerType(json, Defaults, common, localTheta: null) : (FullRope, new RopeConfig());
        var perLayer = json.Integer("hidden_size_per_layer_input", 0, DecoderReader.MaximumWidth / common.LayerCount, 256);
        var config = WithAttentionBias(json, common) with
        {
            Names = Gemma2Family.Names,
            Norm = NormKind.WideRms,
            NormAfter = true,
            QueryKeyNorms = QueryKeyNormKind.Heads,
            ValueNorm = true,
            Activation = ActivationReader.Read(json, "hidden_activation", "gelu_pytorch_tanh"),
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
        return config with { HeadShapes = Shapes(json, config) };
    }

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
