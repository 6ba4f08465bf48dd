using System.Runtime.CompilerServices;

namespace Horizon.Flow.Host;

/// <summary>
/// One step with momentum mu:
/// <code>
/// b = mu b + (g + wd p)
/// p = p - lr b
/// </code>
/// </summary>
internal readonly struct MomentumRule : IElementRule<MomentumRule>
{
    private readonly double _learningRate;
    private readonly float _momentum;
    private readonly float _rate;
    private readonly float _decay;

    /// <summary>The coefficients of one step.</summary>
    public MomentumRule(OptimizerOptions options, OptimizerStep step) =>
        (_learningRate, _momentum) = (step.LearningRate, (float)options.Momentum);

    private MomentumRule(in MomentumRule rule, in ParameterPiece piece)
    {
        this = rule;
        _rate = (float)(_learningRate * piece.LearningRateFactor);
        _decay = (float)piece.WeightDecay;
    }

    /// <inheritdoc/>
    public static int StateCount => 1;

    /// <summary>The momentum; 0 keeps no state.</summary>
    public static IReadOnlyDictionary<string, string> StateSettings(OptimizerOptions options) =>
        new Dictionary<string, string>([OptimizerOptions.Setting("momentum", options.Momentum)]);

    /// <inheritdoc/>
    public MomentumRule For(in ParameterPiece piece) => new(this, piece);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
        first = (TLanes.Of(_momentum) * first) + (gradient + (TLanes.Of(_decay) * weight));
        weight -= TLanes.Of(_rate) * first;
    }
}
