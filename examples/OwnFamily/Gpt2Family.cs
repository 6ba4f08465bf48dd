using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Units;

namespace Horizon.Examples;

/// <summary>
/// GPT-2 (Radford et al. 2019) as a family of one's own: its config.json, its units, and the three templates that they are bound to. Embedding,
/// positions and final norm are one unit, since the head reads the embedding's table.
/// </summary>
public sealed class Gpt2Family : IModelFamily
{
    /// <inheritdoc/>
    public string Architecture => "GPT2LMHeadModel";

    /// <inheritdoc/>
    public string ModelType => "gpt2";

    /// <summary>Dropout, which the dense models of the other families leave out as well, and heads for other tasks.</summary>
    public IReadOnlyCollection<string> HarmlessKeys =>
        ["attn_pdrop", "embd_pdrop", "resid_pdrop", "n_ctx", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj"];

    // <snippet>
    /// <inheritdoc/>
    public ModelDefinition Define(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        long hidden = config.HiddenSize;
        (string, string, long[]) Slot(string role, string prefix, params long[] shape) => (role, prefix + role, shape);
        var embedding = new UnitLayout("embedding", "embedding and final norm",
        [
            Slot("wte.weight", "transformer.", config.VocabularySize, hidden), Slot("wpe.weight", "transformer.", config.MaximumSequenceLength, hidden),
            Slot("ln_f.weight", "transformer.", hidden), Slot("ln_f.bias", "transformer.", hidden),
        ]);
        var blocks = Enumerable.Range(0, config.LayerCount).Select(layer => (Name: $"block {layer}", Prefix: $"transformer.h.{layer}.")).Select(block => new UnitLayout(block.Name, "block",
        [
            Slot("ln_1.weight", block.Prefix, hidden), Slot("ln_1.bias", block.Prefix, hidden),
            Slot("attn.c_attn.weight", block.Prefix, hidden, 3 * hidden), Slot("attn.c_attn.bias", block.Prefix, 3 * hidden),
            Slot("attn.c_proj.weight", block.Prefix, hidden, hidden), Slot("attn.c_proj.bias", block.Prefix, hidden),
            Slot("ln_2.weight", block.Prefix, hidden), Slot("ln_2.bias", block.Prefix, hidden),
            Slot("mlp.c_fc.weight", block.Prefix, hidden, config.IntermediateSize), Slot("mlp.c_fc.bias", block.Prefix, config.IntermediateSize),
            Slot("mlp.c_proj.weight", block.Prefix, config.IntermediateSize, hidden), Slot("mlp.c_proj.bias", block.Prefix, hidden),
        ]));
        var template = new Gpt2Block(config.HeadCount, config.NormEpsilon);
        return new ModelDefinition
        {
            Architecture = Architecture,
            Units = [embedding, .. blocks],
            Hidden = [new(0, new Gpt2Embedding()), .. Enumerable.Range(1, config.LayerCount).Select(unit => new HiddenBinding(unit, template))],
            Head = new(0, new Gpt2Head(config.NormEpsilon)),
            HiddenSize = config.HiddenSize,
            VocabularySize = config.VocabularySize,
            MaximumSequenceLength = config.MaximumSequenceLength,
            Initialize = new Gpt2Initializer(config).Fill,
        };
    }
    // </snippet>

    /// <inheritdoc/>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        if (json.Text("activation_function") is { } activation and not "gelu_new") throw json.Refuse("activation_function", $"is {activation}; only gelu_new is known");
        if (!json.Flag("scale_attn_weights", true)) throw json.Refuse("scale_attn_weights", "is false, which is not known");
        if (json.Flag("scale_attn_by_inverse_layer_idx", false)) throw json.Refuse("scale_attn_by_inverse_layer_idx", "is true, which is not known");
        if (!json.Flag("tie_word_embeddings", true)) throw json.Refuse("tie_word_embeddings", "is false, which is not known");
        json.Flag("reorder_and_upcast_attn", false); // changes rounding alone
        var hidden = json.Integer("n_embd", 1, 1 << 20);
        var heads = json.Integer("n_head", 1, 1 << 12);
        if (hidden % heads != 0) throw json.Refuse("n_embd", $"is {hidden}, which {heads} heads do not divide");
        return new ModelConfig
        {
            Architecture = Architecture,
            VocabularySize = json.Integer("vocab_size", 1, 1 << 24),
            HiddenSize = hidden,
            IntermediateSize = json.Integer("n_inner", 1, 1 << 24, 4 * hidden),
            LayerCount = json.Integer("n_layer", 1, 1 << 12),
            HeadCount = heads,
            KeyValueHeadCount = heads,
            HeadDimension = hidden / heads,
            MaximumSequenceLength = json.Integer("n_positions", 1, 1 << 24),
            NormEpsilon = json.Number("layer_norm_epsilon", 0, 1, 1e-5),
            InitializerRange = json.Number("initializer_range", 0, 1, 0.02),
            TiedHead = true,
        };
    }
}
