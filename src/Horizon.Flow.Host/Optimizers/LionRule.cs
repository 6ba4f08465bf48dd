using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// One step:
/// <code>
/// p = p (1 - lr wd) - lr sign(beta1 m + (1 - beta1) g)
/// m = beta2 m + (1 - beta2) g
/// </code>
/// </summary>
internal readonly struct LionRule : IElementRule<LionRule>
{
    private readonly float _oldInSign;
    private readonly float _newInSign;
    private readonly float _oldInMean;
    private readonly float _newInMean;
    private readonly float _rate;
    private readonly float _keep;

    /// <summary>The coefficients of one step.</summary>
    public LionRule(OptimizerOptions options)
    {
        var (beta1, beta2) = BetasOf(options);
        (_oldInSign, _newInSign) = ((float)beta1, (float)(1 - beta1));
        (_oldInMean, _newInMean) = ((float)beta2, (float)(1 - beta2));
    }

    private LionRule(in LionRule rule, double learningRate, double weightDecay)
    {
        this = rule;
        _rate = (float)learningRate;
        _keep = (float)(1 - (learningRate * weightDecay));
    }

    /// <inheritdoc/>
    public static int StateCount => 1;

    /// <inheritdoc/>
    public static bool StateIgnoresWeight => true;

    /// <summary>The momentum's decay rate; the first beta only weighs it in a step's direction.</summary>
    public static IReadOnlyDictionary<string, string> StateSettings(OptimizerOptions options) =>
        new Dictionary<string, string>([OptimizerOptions.Setting("betas[1]", BetasOf(options).Second)]);

    /// <inheritdoc/>
    public LionRule For(double learningRate, double weightDecay) => new(this, learningRate, weightDecay);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
        var direction = TLanes.Sign((TLanes.Of(_oldInSign) * first) + (TLanes.Of(_newInSign) * gradient));
        weight = (weight * TLanes.Of(_keep)) - (TLanes.Of(_rate) * direction);
        first = (TLanes.Of(_oldInMean) * first) + (TLanes.Of(_newInMean) * gradient);
    }

    private static (double First, double Second) BetasOf(OptimizerOptions options) => options.Betas ?? (0.9, 0.99);
}
