using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Gpt2;

/// <summary>GPT-2: learned positions, LayerNorms and biases everywhere, matrices stored [in, out].</summary>
internal sealed class Gpt2Family() : DenseFamily("GPT2LMHeadModel", "gpt2", new()
{
    MaximumSequenceLength = 1024,
    TiedHead = true,
    ActivationKey = "activation_function",
    Activation = "gelu_new",
    Known = ["attn_pdrop", "embd_pdrop", "resid_pdrop"],
})
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["embed_tokens"] = "transformer.wte",
        ["position_embeddings"] = "transformer.wpe",
        ["norm"] = "transformer.ln_f",
        ["input_layernorm"] = "ln_1",
        ["post_attention_layernorm"] = "ln_2",
        ["self_attn.qkv_proj"] = "attn.c_attn",
        ["self_attn.o_proj"] = "attn.c_proj",
        ["mlp.up_proj"] = "mlp.c_fc",
        ["mlp.down_proj"] = "mlp.c_proj",
    };

    /// <summary>Another task's head, a repeated n_positions, a padding token, whose row the lookup trains like any other, and the order of scaling and rounding where numbers are short.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } =
        ["n_ctx", "pad_token_id", "reorder_and_upcast_attn", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj"];

    /// <summary>Its keys have names of their own.</summary>
    protected override ModelConfig ReadCommon(ConfigJson json)
    {
        DecoderReader.RefuseUnsupported(json, Defaults);
        var (hidden, heads) = (json.Integer("n_embd", 1, DecoderReader.MaximumWidth / 4, 768), json.Integer("n_head", 1, DecoderReader.MaximumWidth, 12));
        if (hidden % heads != 0) throw json.Refuse("n_embd", $"({hidden}) must be a multiple of n_head ({heads})");
        return new ModelConfig
        {
            Architecture = Architecture,
            VocabularySize = json.Integer("vocab_size", 1, 1 << 28, 50_257),
            HiddenSize = hidden,
            IntermediateSize = json.Integer("n_inner", 1, DecoderReader.MaximumWidth, 4 * hidden),
            LayerCount = json.Integer("n_layer", 1, DecoderReader.MaximumLayers, 12),
            HeadCount = heads,
            KeyValueHeadCount = heads,
            HeadDimension = hidden / heads,
            MaximumSequenceLength = json.Integer("n_positions", 1, 1 << 24, Defaults.MaximumSequenceLength),
            NormEpsilon = json.Number("layer_norm_epsilon", 0, 1, 1e-5),
            TiedHead = json.Flag("tie_word_embeddings", Defaults.TiedHead),
            InitializerRange = json.Number("initializer_range", 0, 1e3, 0.02),
            CheckpointType = DecoderReader.ReadType(json),
            QueryKeyValueBias = true,
            AttentionOutputBias = true,
            FeedForwardBias = true,
        };
    }

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with
    {
        Names = Names,
        LayerPrefix = "transformer.h.",
        LearnedPositions = true,
        TransposedMatrices = true,
        FusedQueryKeyValue = true,
        Norm = NormKind.LayerNorm,
        NormBias = true,
        Gated = false,
        AttentionScale = json.Flag("scale_attn_weights", true) ? null : 1,
        AttentionScaledByLayer = json.Flag("scale_attn_by_inverse_layer_idx", false),
    };
}
