using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Gemma2;

/// <summary>Gemma 2: norms before and after both blocks, capped scores and logits, every second layer with a window.</summary>
internal sealed class Gemma2Family() : DenseFamily("Gemma2ForCausalLM", "gemma2", new()
{
    MaximumSequenceLength = 8192,
    HeadDimension = 256,
    KeyValueHeads = 4,
    TiedHead = true,
    ActivationKey = "hidden_activation",
    Activation = "gelu_pytorch_tanh",
    Refused = ["use_bidirectional_attention"],
})
{
    /// <summary>What the checkpoints of all three call a layer's norms.</summary>
    internal static IReadOnlyDictionary<string, string> Names { get; } = new Dictionary<string, string>
    {
        ["post_attention_layernorm"] = "pre_feedforward_layernorm",
        ["attention_output_norm"] = "post_attention_layernorm",
        ["feed_forward_output_norm"] = "post_feedforward_layernorm",
    };

    /// <summary>Its curve is <c>hidden_activation</c>, whatever stands here.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["hidden_act"];

    /// <summary>What Gemma 2 and Gemma 3 have in common.</summary>
    /// <param name="json">The file.</param>
    /// <param name="common">What all decoders have.</param>
    /// <param name="attentionCap">attn_logit_softcapping where the file is silent; null for none. A null in the file is none, too.</param>
    /// <param name="logitCap">final_logit_softcapping likewise.</param>
    internal static DenseConfig ReadShared(ConfigJson json, DenseConfig common, double? attentionCap, double? logitCap) => WithAttentionBias(json, common) with
    {
        Names = Names,
        Norm = NormKind.RmsPlusOne,
        NormAfter = true,
        EmbeddingScale = Math.Sqrt(common.HiddenSize),
        AttentionScale = 1 / Math.Sqrt(json.Number("query_pre_attn_scalar", 1e-6, 1e9, 256)),
        AttentionCap = Cap(json, "attn_logit_softcapping", attentionCap),
        LogitCap = Cap(json, "final_logit_softcapping", logitCap),
    };

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => ReadShared(json, common, attentionCap: 50, logitCap: 30) with
    {
        SlidingWindows = WindowReader.ReadPattern(json, common.LayerCount, fullEvery: 2),
    };

    /// <summary>A cap; a null in the file is none.</summary>
    internal static double? Cap(ConfigJson json, string key, double? missing) =>
        json.Has(key) ? json.Number(key, 1e-6, 1e9) : json.IsNull(key) ? null : missing;
}
