using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Units;

/// <summary>
/// A model as a stream of units: what lies in the store, and in which order the units are visited. It owns no memory. Another head, or
/// another template for one layer, is <c>model with { … }</c>.
/// </summary>
public sealed record ModelDefinition
{
    /// <summary>The architecture's name, such as <c>LlamaForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>The units of the store, each with one flat buffer.</summary>
    public required IReadOnlyList<UnitLayout> Units { get; init; }

    /// <summary>The forward order without the head: the embedding, then each decoder layer.</summary>
    public required IReadOnlyList<HiddenBinding> Hidden { get; init; }

    /// <summary>The last visit of a forward pass: final norm, output projection and loss.</summary>
    public required HeadBinding Head { get; init; }

    /// <summary>Width of the hidden state.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The longest sequence that the model's positions allow.</summary>
    public required int MaximumSequenceLength { get; init; }

    /// <summary>Fills one parameter of a new model, deterministically from the seed and the tensor's name.</summary>
    public required ParameterInitializer Initialize { get; init; }

    /// <summary>Parameters of all units.</summary>
    public long ParameterCount => Units.Sum(unit => unit.ElementCount);
}
