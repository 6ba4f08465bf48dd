using System.Runtime.CompilerServices;

namespace Horizon.Flow.Host;

/// <summary>One step without momentum: <c>p = p - lr (g + wd p)</c>.</summary>
internal readonly struct SgdRule : IElementRule<SgdRule>
{
    private readonly double _learningRate;
    private readonly float _rate;
    private readonly float _decay;

    /// <summary>The coefficients of one step.</summary>
    public SgdRule(OptimizerStep step) => _learningRate = step.LearningRate;

    private SgdRule(in SgdRule rule, in ParameterPiece piece)
    {
        this = rule;
        _rate = (float)(_learningRate * piece.LearningRateFactor);
        _decay = (float)piece.WeightDecay;
    }

    /// <inheritdoc/>
    public static int StateCount => 0;

    /// <inheritdoc/>
    public SgdRule For(in ParameterPiece piece) => new(this, piece);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes> =>
        weight -= TLanes.Of(_rate) * (gradient + (TLanes.Of(_decay) * weight));
}
