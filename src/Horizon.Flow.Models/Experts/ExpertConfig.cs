using System.Text.Json.Serialization;

namespace Horizon.Flow.Models.Experts;

/// <summary>A feed-forward network of experts: a router weighs them for each token, and the largest few compute. No token is dropped.</summary>
internal sealed record ExpertConfig
{
    /// <summary>E: experts of a layer.</summary>
    public required int Count { get; init; }

    /// <summary>How many units hold the experts of a layer: 1 for the layer's own; it divides <see cref="Count"/>. No part of config.json.</summary>
    [JsonIgnore]
    public int Parts { get; init; } = 1;

    /// <summary>Experts of one of these units.</summary>
    [JsonIgnore]
    public int CountOfPart => Count / Parts;

    /// <summary>K: experts of a token.</summary>
    public required int PerToken { get; init; }

    /// <summary>F: width of one expert.</summary>
    public required int Width { get; init; }

    /// <summary>From logits to weights.</summary>
    public RouterKind Router { get; init; }

    /// <summary>
    /// The router's input is divided by its root mean square, to which this is added, and by the root of its width, and multiplied by a weight for each channel; an expert's weight by one of its own
    /// in the end. Null for neither.
    /// </summary>
    public double? RouterNormEpsilon { get; init; }

    /// <summary>Logits are computed in fp32 whatever the activations are.</summary>
    public bool WideRouter { get; init; }

    /// <summary>The router has a bias.</summary>
    public bool RouterBias { get; init; }

    /// <summary>The weights of a token's experts are divided by their sum.</summary>
    public bool Normalized { get; init; }

    /// <summary>What the weights are multiplied by in the end.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Neighbouring experts in so many groups of one size; sigmoid routers only.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>A token's experts come from so many groups: those whose two best experts have the largest sum.</summary>
    public int ChosenGroups { get; init; } = 1;

    /// <summary>The factor of the loss that balances the experts of all layers (<see cref="ExpertLedger"/>); 0 for none.</summary>
    public double Balancing { get; init; }

    /// <summary>Width of a network beside them that every token goes through; 0 for none.</summary>
    public int SharedWidth { get; init; }

    /// <summary>What it gives is multiplied by a sigmoid, one number a token.</summary>
    public bool SharedGated { get; init; }

    /// <summary>
    /// All experts in one tensor each, [E, in, out], gate and up channels by turns, with biases (gpt-oss): down((up + 1) gate sigmoid(alpha gate)), gate at most
    /// the limit and up within it. Null for down(f(gate x) * up x), a matrix each or as <see cref="Fused"/> says.
    /// </summary>
    public (double Alpha, double Limit)? ClampedGate { get; init; }

    /// <summary>All experts in one tensor each, [E, 2F, H] with gate above up, and [E, H, F].</summary>
    public bool Fused { get; init; }
}
