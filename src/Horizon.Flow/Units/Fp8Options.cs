namespace Horizon.Flow.Units;

/// <summary>How matrix products in fp8 are computed.</summary>
public sealed record Fp8Options
{
    /// <summary>Which numbers share a scale.</summary>
    /// <value><see cref="Fp8Scaling.Tensor"/>.</value>
    public Fp8Scaling Scaling { get; init; } = Fp8Scaling.Tensor;

    /// <summary>The format of gradients. Weights and activations are <see cref="Fp8Format.E4M3"/>.</summary>
    /// <value><see cref="Fp8Format.E5M2"/>.</value>
    public Fp8Format Gradients { get; init; } = Fp8Format.E5M2;

    /// <summary>Whether a GPU sums the products of forward in fewer bits. With blocks it never does.</summary>
    /// <value>True.</value>
    public bool FastForward { get; init; } = true;

    /// <summary>Whether a GPU sums the products of backward in fewer bits. With blocks it never does.</summary>
    /// <value>False.</value>
    public bool FastGradients { get; init; }

    /// <summary>
    /// Whether a tape that waits for its backward holds the outputs of gate and up in fp8, e4m3 with a scale for 128 neighbours, so that more layers can be kept; where the
    /// feed-forward's width is a multiple of that. Backward then counts with these of every layer, kept or computed again, so that both have the same bits.
    /// </summary>
    /// <value>False: what it does to a long training is not known.</value>
    public bool Fp8Tapes { get; init; }

    /// <summary>Whether a layer of this feed-forward width is held so.</summary>
    public bool Holds(long width) => Fp8Tapes && width % Fp8Matrix.Block == 0;
}
