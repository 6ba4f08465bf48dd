using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// One step with momentum mu:
/// <code>
/// b = mu b + (g + wd p)
/// p = p - lr b
/// </code>
/// </summary>
internal readonly struct MomentumRule : IElementRule<MomentumRule>
{
    private readonly float _momentum;
    private readonly float _rate;
    private readonly float _decay;

    /// <summary>The coefficients of one step.</summary>
    public MomentumRule(OptimizerOptions options) => _momentum = (float)options.Momentum;

    private MomentumRule(in MomentumRule rule, double learningRate, double weightDecay)
    {
        this = rule;
        _rate = (float)learningRate;
        _decay = (float)weightDecay;
    }

    /// <inheritdoc/>
    public static int StateCount => 1;

    /// <summary>The momentum; 0 keeps no state.</summary>
    public static IReadOnlyDictionary<string, string> StateSettings(OptimizerOptions options) =>
        new Dictionary<string, string>([OptimizerOptions.Setting("momentum", options.Momentum)]);

    /// <inheritdoc/>
    public MomentumRule For(double learningRate, double weightDecay) => new(this, learningRate, weightDecay);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
        first = (TLanes.Of(_momentum) * first) + (gradient + (TLanes.Of(_decay) * weight));
        weight -= TLanes.Of(_rate) * first;
    }
}
