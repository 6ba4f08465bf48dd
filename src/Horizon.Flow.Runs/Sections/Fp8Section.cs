using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>training.fp8</c> section: how the products of decoder layers are computed where <see cref="TrainingSection.Precision"/> is <c>fp8</c>.</summary>
public sealed record Fp8Section
{
    /// <summary>Which numbers share a scale: all of a matrix, those of a row, or 128 neighbours of a row (128 x 128 of a weight).</summary>
    /// <value>Default <c>tensor</c>, the fastest.</value>
    public Fp8Scaling Scaling { get; init; } = new Fp8Options().Scaling;

    /// <summary>The format of gradients: <c>e5m2</c> reaches over more powers of two, <c>e4m3</c> has one bit more of fraction. Weights and activations are e4m3.</summary>
    /// <value>Default <c>e5m2</c>.</value>
    public Fp8Format Gradients { get; init; } = new Fp8Options().Gradients;

    /// <summary>Whether a GPU sums the products of forward in fewer bits.</summary>
    /// <value>Default true.</value>
    public bool FastForward { get; init; } = new Fp8Options().FastForward;

    /// <summary>Whether a GPU sums the products of backward in fewer bits.</summary>
    /// <value>Default false.</value>
    public bool FastGradients { get; init; }

    /// <summary>
    /// Whether layers that are kept for backward hold the outputs of gate and up in fp8, e4m3 with a scale for 128 neighbours, so that more layers can be kept; of widths that are
    /// multiples of 128. Backward counts with these of every layer, kept or not.
    /// </summary>
    /// <value>Default false.</value>
    public bool Fp8Tapes { get; init; }

    /// <summary>Patterns of the names of layers (<c>*</c> stands for anything) whose products stay in bf16, such as <c>layer 0</c>.</summary>
    /// <value>Default none.</value>
    public ValueList<string> Bf16Layers { get; init; } = [];

    /// <summary>For the model.</summary>
    internal Fp8Options Options => new() { Scaling = Scaling, Gradients = Gradients, FastForward = FastForward, FastGradients = FastGradients, Fp8Tapes = Fp8Tapes };
}
