using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Gemma3;

/// <summary>Gemma 3 (text): Gemma 2 with norms on query and key heads in place of caps, five of six layers with a window, and a base of its own for these.</summary>
internal sealed class Gemma3Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 131_072,
        HeadDimension = 256,
        KeyValueHeads = 4,
        TiedHead = true,
        Theta = 1_000_000,
        OwnActivation = true,
        RopeByLayerType = true,
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["post_attention_layernorm"] = "pre_feedforward_layernorm",
        ["attention_output_norm"] = "post_attention_layernorm",
        ["feed_forward_output_norm"] = "post_feedforward_layernorm",
    };

    /// <inheritdoc/>
    public string Architecture => "Gemma3ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "gemma3_text";

    /// <summary>Its curve is <c>hidden_activation</c>, whatever stands here.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["hidden_act"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "use_bidirectional_attention");
        var config = DecoderReader.Read(json, Architecture, Defaults);
        var localTheta = json.Number("rope_local_base_freq", 1, 1e15, 10_000);
        var (full, sliding) = RopeReader.ReadByLayerType(json, Defaults, config.MaximumSequenceLength, localTheta);
        var pattern = json.Integer("sliding_window_pattern", 1, int.MaxValue, 6);
        return new DenseConfig(config)
        {
            Names = Names,
            Norm = NormKind.RmsPlusOne,
            NormAfter = true,
            Activation = ActivationReader.Read(json, "hidden_activation", "gelu_pytorch_tanh"),
            EmbeddingScale = Math.Sqrt(config.HiddenSize),
            AttentionScale = 1 / Math.Sqrt(json.Number("query_pre_attn_scalar", 1e-6, 1e9, 256)),
            QueryKeyValueBias = json.Flag("attention_bias", false),
            AttentionOutputBias = json.Flag("attention_bias", false),
            QueryKeyNorms = QueryKeyNormKind.Heads,
            AttentionCap = json.Has("attn_logit_softcapping") ? json.Number("attn_logit_softcapping", 1e-6, 1e9) : null,
            LogitCap = json.Has("final_logit_softcapping") ? json.Number("final_logit_softcapping", 1e-6, 1e9) : null,
            Rope = full,
            SlidingRope = sliding,
            SlidingWindows = WindowReader.ReadPattern(json, config.LayerCount, layer => (layer + 1) % pattern != 0),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
