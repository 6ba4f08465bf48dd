using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Gemma2;

namespace Horizon.Flow.Models.Gemma3;

/// <summary>Gemma 3 (text): Gemma 2 with norms on query and key heads in place of caps, five of six layers with a window, and a base of its own for these.</summary>
internal sealed class Gemma3Family() : DenseFamily("Gemma3ForCausalLM", "gemma3_text", new()
{
    MaximumSequenceLength = 131_072,
    HeadDimension = 256,
    Heads = 8,
    KeyValueHeads = 4,
    Vocabulary = 262_208, // published files leave out what the class says
    TiedHead = true,
    Theta = 1_000_000,
    ActivationKey = "hidden_activation",
    Activation = "gelu_pytorch_tanh",
    RopeByLayerType = true,
    Refused = ["use_bidirectional_attention"],
})
{
    /// <summary>Its curve is <c>hidden_activation</c>, whatever stands here.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["hidden_act"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var (full, sliding) = RopeReader.ReadByLayerType(json, Defaults, common, json.Number("rope_local_base_freq", 1, 1e15, 10_000));
        // Transformers' Gemma 3 reads this key of Gemma 2 and leaves it at that.
        if (json.Has("attn_logit_softcapping")) throw json.Refuse("attn_logit_softcapping", "is not applied by transformers for this architecture; set it to null");
        return Gemma2Family.ReadShared(json, common, attentionCap: null, logitCap: null) with
        {
            QueryKeyNorms = QueryKeyNormKind.Heads,
            Rope = full,
            SlidingRope = sliding,
            SlidingWindows = WindowReader.ReadPattern(json, common.LayerCount, json.Integer("sliding_window_pattern", 1, int.MaxValue, 6)),
        };
    }
}
