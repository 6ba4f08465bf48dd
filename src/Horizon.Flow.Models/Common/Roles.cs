namespace Horizon.Flow.Models.Common;

/// <summary>
/// Names of parameters within their unit: the model folder's own names without the prefix <c>model.</c> or <c>model.layers.N.</c>.
/// </summary>
public static class Roles
{
    /// <summary>[vocabulary, hidden].</summary>
    public const string Embedding = "embed_tokens.weight";

    /// <summary>[hidden]: the final norm.</summary>
    public const string FinalNorm = "norm.weight";

    /// <summary>[vocabulary, hidden].</summary>
    public const string Head = "lm_head.weight";

    /// <summary>[hidden].</summary>
    public const string InputNorm = "input_layernorm.weight";

    /// <summary>[query heads * head width, hidden].</summary>
    public const string Query = "self_attn.q_proj.weight";

    /// <summary>[key/value heads * head width, hidden].</summary>
    public const string Key = "self_attn.k_proj.weight";

    /// <summary>[key/value heads * head width, hidden].</summary>
    public const string Value = "self_attn.v_proj.weight";

    /// <summary>[query heads * head width].</summary>
    public const string QueryBias = "self_attn.q_proj.bias";

    /// <summary>[key/value heads * head width].</summary>
    public const string KeyBias = "self_attn.k_proj.bias";

    /// <summary>[key/value heads * head width].</summary>
    public const string ValueBias = "self_attn.v_proj.bias";

    /// <summary>[head width].</summary>
    public const string QueryNorm = "self_attn.q_norm.weight";

    /// <summary>[head width].</summary>
    public const string KeyNorm = "self_attn.k_norm.weight";

    /// <summary>[hidden, query heads * head width].</summary>
    public const string Output = "self_attn.o_proj.weight";

    /// <summary>[hidden].</summary>
    public const string OutputBias = "self_attn.o_proj.bias";

    /// <summary>[hidden].</summary>
    public const string PostAttentionNorm = "post_attention_layernorm.weight";

    /// <summary>[intermediate, hidden].</summary>
    public const string Gate = "mlp.gate_proj.weight";

    /// <summary>[intermediate, hidden].</summary>
    public const string Up = "mlp.up_proj.weight";

    /// <summary>[hidden, intermediate].</summary>
    public const string Down = "mlp.down_proj.weight";

    /// <summary>[intermediate].</summary>
    public const string GateBias = "mlp.gate_proj.bias";

    /// <summary>[intermediate].</summary>
    public const string UpBias = "mlp.up_proj.bias";

    /// <summary>[hidden].</summary>
    public const string DownBias = "mlp.down_proj.bias";

    /// <summary>[positions, hidden]: learned positions.</summary>
    internal const string Positions = "position_embeddings.weight";

    /// <summary>[(query heads + 2 key/value heads) * head width, hidden]: the three in one matrix.</summary>
    internal const string QueryKeyValue = "self_attn.qkv_proj.weight";

    /// <summary>[2 * intermediate, hidden]: gate above up.</summary>
    internal const string GateUp = "mlp.gate_up_proj.weight";

    /// <summary>[hidden]: over what the attention gives, before it is added.</summary>
    internal const string AttentionOutputNorm = "attention_output_norm.weight";

    /// <summary>[hidden]: over what the feed-forward network gives, before it is added.</summary>
    internal const string FeedForwardOutputNorm = "feed_forward_output_norm.weight";

    /// <summary>[3 * hidden, hidden]: both gates and the input of a short convolution.</summary>
    internal const string ConvolutionInput = "conv.in_proj.weight";

    /// <summary>[hidden, 1, taps]: the convolution of each channel.</summary>
    internal const string Convolution = "conv.conv.weight";

    /// <summary>[hidden, hidden].</summary>
    internal const string ConvolutionOutput = "conv.out_proj.weight";

    /// <summary>Whether it is a norm's weight: what new ones are, and what their backward keeps, differs from a matrix.</summary>
    internal static bool IsNorm(string role) => role.EndsWith("norm.weight", StringComparison.Ordinal);

    /// <summary>The bias that belongs to a weight.</summary>
    internal static string BiasOf(string weight) => $"{weight.AsSpan(0, weight.Length - "weight".Length)}bias";
}
