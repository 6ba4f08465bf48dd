using System.Globalization;

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

    /// <summary>[2 * keys + 2 * values, hidden]: by key head, query, key, values and output gates.</summary>
    internal const string DeltaQueryKeyValueGate = "linear_attn.in_proj_qkvz.weight";

    /// <summary>[2 * value heads, hidden]: by key head, strengths and times.</summary>
    internal const string DeltaStrengthTime = "linear_attn.in_proj_ba.weight";

    /// <summary>[2 * keys + values, hidden].</summary>
    internal const string DeltaQueryKeyValue = "linear_attn.in_proj_qkv.weight";

    /// <summary>[values, hidden]: the output gate.</summary>
    internal const string DeltaGate = "linear_attn.in_proj_z.weight";

    /// <summary>[value heads, hidden]: which part of the state is replaced.</summary>
    internal const string DeltaStrength = "linear_attn.in_proj_b.weight";

    /// <summary>[value heads, hidden]: how long the state decays at a token.</summary>
    internal const string DeltaTime = "linear_attn.in_proj_a.weight";

    /// <summary>[2 * keys + values, 1, taps].</summary>
    internal const string DeltaConvolution = "linear_attn.conv1d.weight";

    /// <summary>[value heads]: added to that time; new ones are 1.</summary>
    internal const string DeltaTimeBias = "linear_attn.dt_bias";

    /// <summary>[value heads]: the logarithm of how fast the state decays.</summary>
    internal const string DeltaDecay = "linear_attn.A_log";

    /// <summary>[value width]: over each value head, before the gate; the weight itself, whatever other norms' weights mean.</summary>
    internal const string DeltaNorm = "linear_attn.norm.weight";

    /// <summary>[hidden, values].</summary>
    internal const string DeltaOutput = "linear_attn.out_proj.weight";

    /// <summary>[experts, hidden].</summary>
    internal const string Router = "mlp.gate.weight";

    /// <summary>[experts].</summary>
    internal const string RouterBias = "mlp.gate.bias";

    /// <summary>[experts]: added to scores where experts are chosen; fixed.</summary>
    internal const string RouterCorrection = "mlp.gate.e_score_correction_bias";

    /// <summary>[hidden]: over the router's input, where that is normed.</summary>
    internal const string RouterScale = "mlp.gate.scale";

    /// <summary>[experts]: what the weight of each is multiplied by.</summary>
    internal const string RouterExpertScale = "mlp.gate.per_expert_scale";

    /// <summary>[hidden]: over what the feed-forward network gives, where experts stand beside it.</summary>
    internal const string DenseOutputNorm = "dense_output_norm.weight";

    /// <summary>[hidden]: in front of experts beside a feed-forward network.</summary>
    internal const string ExpertInputNorm = "expert_input_norm.weight";

    /// <summary>[hidden]: over what they give.</summary>
    internal const string ExpertOutputNorm = "expert_output_norm.weight";

    /// <summary>[experts, hidden, 2 * width]: gate and up channels by turns; or [experts, 2 * width, hidden], gate above up.</summary>
    internal const string ExpertsGateUp = "mlp.experts.gate_up_proj";

    /// <summary>[experts, 2 * width].</summary>
    internal const string ExpertsGateUpBias = "mlp.experts.gate_up_proj_bias";

    /// <summary>[experts, width, hidden]; or [experts, hidden, width].</summary>
    internal const string ExpertsDown = "mlp.experts.down_proj";

    /// <summary>[experts, hidden].</summary>
    internal const string ExpertsDownBias = "mlp.experts.down_proj_bias";

    /// <summary>[shared width, hidden].</summary>
    internal const string SharedGate = "mlp.shared_experts.gate_proj.weight";

    /// <summary>[shared width, hidden].</summary>
    internal const string SharedUp = "mlp.shared_experts.up_proj.weight";

    /// <summary>[hidden, shared width].</summary>
    internal const string SharedDown = "mlp.shared_experts.down_proj.weight";

    /// <summary>[1, hidden]: the shared network's gate.</summary>
    internal const string SharedOpening = "mlp.shared_expert_gate.weight";

    /// <summary>[query heads]: a score that every token has beside those of the keys, without a value.</summary>
    internal const string Sinks = "self_attn.sinks";

    /// <summary>[rank, hidden]: to the queries' narrow vector.</summary>
    internal const string LatentQuery = "self_attn.q_a_proj.weight";

    /// <summary>[rank].</summary>
    internal const string LatentQueryNorm = "self_attn.q_a_layernorm.weight";

    /// <summary>[heads * key width, rank].</summary>
    internal const string QueryOfLatent = "self_attn.q_b_proj.weight";

    /// <summary>[rank + rotated channels, hidden]: to the narrow vector of keys and values, and the channels of the keys that turn.</summary>
    internal const string LatentKeyValue = "self_attn.kv_a_proj_with_mqa.weight";

    /// <summary>[rank].</summary>
    internal const string LatentKeyValueNorm = "self_attn.kv_a_layernorm.weight";

    /// <summary>[heads * (plain + value channels), rank].</summary>
    internal const string KeyValue = "self_attn.kv_b_proj.weight";

    /// <summary>[vocabulary, layers * width]: what each token says to each layer.</summary>
    internal const string PerLayerEmbedding = "embed_tokens_per_layer.weight";

    /// <summary>[layers * width, hidden].</summary>
    internal const string PerLayerModelProjection = "per_layer_model_projection.weight";

    /// <summary>[width].</summary>
    internal const string PerLayerModelNorm = "per_layer_projection_norm.weight";

    /// <summary>[width, hidden].</summary>
    internal const string PerLayerGate = "per_layer_input_gate.weight";

    /// <summary>[hidden, width].</summary>
    internal const string PerLayerProjection = "per_layer_projection.weight";

    /// <summary>[hidden].</summary>
    internal const string PerLayerNorm = "post_per_layer_input_norm.weight";

    /// <summary>[1]: what a layer's output is multiplied by; fixed.</summary>
    internal const string LayerScalar = "layer_scalar";

    private const string Experts = "mlp.experts.";

    /// <summary>[width, hidden].</summary>
    internal static string ExpertGate(int expert) => $"{Experts}{expert}.gate_proj.weight";

    /// <summary>[width, hidden].</summary>
    internal static string ExpertUp(int expert) => $"{Experts}{expert}.up_proj.weight";

    /// <summary>[hidden, width].</summary>
    internal static string ExpertDown(int expert) => $"{Experts}{expert}.down_proj.weight";

    /// <summary>The number of the expert whose own it is; null where it is no single one's.</summary>
    internal static int? ExpertOf(string role) =>
        IsExpert(role) && int.TryParse(role.AsSpan(Experts.Length, Math.Max(0, role.IndexOf('.', Experts.Length) - Experts.Length)), CultureInfo.InvariantCulture, out var expert) ? expert : null;

    /// <summary>Whether its first axis counts a layer's experts.</summary>
    internal static bool HoldsExperts(string role) => role is ExpertsGateUp or ExpertsGateUpBias or ExpertsDown or ExpertsDownBias;

    /// <summary>Whether it belongs to a routed expert.</summary>
    internal static bool IsExpert(string role) => role.StartsWith(Experts, StringComparison.Ordinal);

    /// <summary>Whether it is a norm's weight: what new ones are, and what their backward keeps, differs from a matrix.</summary>
    internal static bool IsNorm(string role) => role.EndsWith("norm.weight", StringComparison.Ordinal);

    /// <summary>The bias that belongs to a weight.</summary>
    internal static string BiasOf(string weight) => $"{weight.AsSpan(0, weight.Length - "weight".Length)}bias";
}
