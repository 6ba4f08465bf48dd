namespace Horizon.Flow.Models.Common;

/// <summary>What a family's configuration calls things, and what transformers assumes where it is silent.</summary>
internal sealed record DecoderDefaults
{
    /// <summary>max_position_embeddings.</summary>
    public required int MaximumSequenceLength { get; init; }

    /// <summary>head_dim; null for hidden_size / num_attention_heads.</summary>
    public int? HeadDimension { get; init; }

    /// <summary>intermediate_size; null where the file must say it.</summary>
    public int? IntermediateSize { get; init; }

    /// <summary>num_attention_heads; null where the file must say it.</summary>
    public int? Heads { get; init; }

    /// <summary>vocab_size; null where the file must say it.</summary>
    public int? Vocabulary { get; init; }

    /// <summary>num_key_value_heads; null for as many as query heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>The key of what every norm adds to its mean square or variance.</summary>
    public string NormEpsilonKey { get; init; } = "rms_norm_eps";

    /// <summary>Its value.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>tie_word_embeddings.</summary>
    public bool TiedHead { get; init; }

    /// <summary>rope_theta.</summary>
    public double Theta { get; init; } = 10_000;

    /// <summary>partial_rotary_factor; null where the family rotates whole heads and a configuration that says otherwise is refused.</summary>
    public double? RotatedFraction { get; init; }

    /// <summary>Neighbouring channels turn together.</summary>
    public bool Interleaved { get; init; }

    /// <summary>Settings differ between layer types; the family reads them itself.</summary>
    public bool RopeByLayerType { get; init; }

    /// <summary>The rotary type "dynamic" may have an alpha, by which the base grows whatever the length (Hunyuan).</summary>
    public bool RopeAlpha { get; init; }

    /// <summary>The key of the feed-forward network's curve.</summary>
    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>Its value.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Another curve is refused: the family's own computation has SiLU in it.</summary>
    public bool SiluAlone { get; init; }

    /// <summary>The quantization (<c>quant_method</c>) that only this family's checkpoints have (see <see cref="QuantizationReader"/>); null for none.</summary>
    public string? Quantization { get; init; }

    /// <summary>Keys that are off elsewhere and that this family reads itself or, for dropouts, may be above 0: training runs without dropout.</summary>
    public IReadOnlyCollection<string> Known { get; init; } = [];

    /// <summary>Flags of other families that must be off here.</summary>
    public IReadOnlyCollection<string> Refused { get; init; } = [];
}
