using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Gemma2;

/// <summary>Gemma 2: norms before and after both blocks, capped scores and logits, every second layer with a window.</summary>
internal sealed class Gemma2Family : IModelFamily
{
    private static readonly DecoderDefaults Defaults = new()
    {
        MaximumSequenceLength = 8192,
        HeadDimension = 256,
        KeyValueHeads = 4,
        TiedHead = true,
        OwnActivation = true,
    };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["post_attention_layernorm"] = "pre_feedforward_layernorm",
        ["attention_output_norm"] = "post_attention_layernorm",
        ["feed_forward_output_norm"] = "post_feedforward_layernorm",
    };

    /// <inheritdoc/>
    public string Architecture => "Gemma2ForCausalLM";

    /// <inheritdoc/>
    public string ModelType => "gemma2";

    /// <summary>Its curve is <c>hidden_activation</c>, whatever stands here.</summary>
    public IReadOnlyCollection<string> HarmlessKeys { get; } = ["hidden_act"];

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        DecoderReader.RefuseFlag(json, "use_bidirectional_attention");
        var config = DecoderReader.Read(json, Architecture, Defaults);
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
            AttentionCap = json.IsNull("attn_logit_softcapping") ? null : json.Number("attn_logit_softcapping", 1e-6, 1e9, 50),
            LogitCap = json.IsNull("final_logit_softcapping") ? null : json.Number("final_logit_softcapping", 1e-6, 1e9, 30),
            SlidingWindows = WindowReader.ReadPattern(json, config.LayerCount, layer => layer % 2 == 0),
        };
    }

    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config) => DenseDecoder.Define(config);
}
