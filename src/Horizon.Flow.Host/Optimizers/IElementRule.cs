namespace Horizon.Flow.Host;

/// <summary>
/// An update rule that treats each element alone, with up to two fp32 numbers of state beside it. Written once over
/// <see cref="ILanes{TSelf}"/>; <see cref="ElementSweep{TRule}"/> runs it in every width and precision.
/// </summary>
internal interface IElementRule<TSelf>
    where TSelf : struct, IElementRule<TSelf>
{
    /// <summary>Numbers of state per element: 0, 1 or 2.</summary>
    static abstract int StateCount { get; }

    /// <summary>The rule with the piece's own learning rate and decay.</summary>
    TSelf For(in ParameterPiece piece);

    /// <summary>One step for some elements, in place.</summary>
    /// <param name="weight">The fp32 master.</param>
    /// <param name="gradient">Already scaled.</param>
    /// <param name="first">First state number; meaningless where there is none.</param>
    /// <param name="second">Second state number; meaningless where there is none.</param>
    void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>;
}
