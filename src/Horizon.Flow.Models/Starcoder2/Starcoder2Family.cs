using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Starcoder2;

/// <summary>StarCoder 2: LayerNorms and biases everywhere, a feed-forward network without a gate.</summary>
internal sealed class Starcoder2Family() : DenseFamily("Starcoder2ForCausalLM", "starcoder2", new()
{
    MaximumSequenceLength = 4096,
    KeyValueHeads = 2,
    NormEpsilonKey = "norm_epsilon",
    NormEpsilon = 1e-5,
    TiedHead = true,
    Activation = "gelu_pytorch_tanh",
    Known = ["attention_dropout", "residual_dropout", "embedding_dropout"],
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["mlp.up_proj"] = "mlp.c_fc",
        ["mlp.down_proj"] = "mlp.c_proj",
    };

    /// <summary>Written by its authors' own code and not read by transformers.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["rms_norm_eps", "activation_function", "attention_softmax_in_fp32", "layer_norm_epsilon", "mlp_type", "norm_type", "scale_attention_softmax_in_fp32", "scale_attn_weights"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var bias = json.Flag("use_bias", true);
        return common with
        {
            Names = Names,
            Norm = NormKind.LayerNorm,
            NormBias = true,
            Gated = false,
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            FeedForwardBias = bias,
            SlidingWindows = WindowReader.ReadOptional(json, common.LayerCount),
        };
    }
}
