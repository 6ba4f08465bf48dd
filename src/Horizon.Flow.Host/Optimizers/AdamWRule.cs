using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// One AdamW step of number t with gradient g. Coefficients are computed in double and rounded once:
/// <code>
/// p = p (1 - lr wd)
/// m = m + (1 - beta1) (g - m)
/// v = beta2 v + (1 - beta2) g g
/// p = p - (lr / (1 - beta1^t)) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// </code>
/// </summary>
internal readonly struct AdamWRule : IElementRule<AdamWRule>
{
    private readonly double _correction1;
    private readonly float _newInMean;
    private readonly float _oldInSquare;
    private readonly float _newInSquare;
    private readonly float _rootCorrection2;
    private readonly float _epsilon;
    private readonly float _keep;
    private readonly float _stepSize;

    /// <summary>The coefficients of one step.</summary>
    public AdamWRule(OptimizerOptions options, OptimizerStep step)
    {
        var (beta1, beta2) = BetasOf(options);
        _correction1 = 1 - Math.Pow(beta1, step.Number);
        _newInMean = (float)(1 - beta1);
        _oldInSquare = (float)beta2;
        _newInSquare = (float)(1 - beta2);
        _rootCorrection2 = (float)Math.Sqrt(1 - Math.Pow(beta2, step.Number));
        _epsilon = (float)options.Epsilon;
    }

    private AdamWRule(in AdamWRule rule, double learningRate, double weightDecay)
    {
        this = rule;
        _keep = (float)(1 - (learningRate * weightDecay));
        _stepSize = (float)(learningRate / _correction1);
    }

    /// <inheritdoc/>
    public static int StateCount => 2;

    /// <inheritdoc/>
    public static bool StateIgnoresWeight => true;

    /// <summary>Both decay rates: the moments and their bias corrections go with them.</summary>
    public static IReadOnlyDictionary<string, string> StateSettings(OptimizerOptions options)
    {
        var (beta1, beta2) = BetasOf(options);
        return new Dictionary<string, string>([OptimizerOptions.Setting("betas", beta1, beta2)]);
    }

    /// <inheritdoc/>
    public AdamWRule For(double learningRate, double weightDecay) => new(this, learningRate, weightDecay);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes>
    {
        first += TLanes.Of(_newInMean) * (gradient - first);
        second = (TLanes.Of(_oldInSquare) * second) + (TLanes.Of(_newInSquare) * gradient * gradient);
        var denominator = (TLanes.Sqrt(second) / TLanes.Of(_rootCorrection2)) + TLanes.Of(_epsilon);
        weight = (weight * TLanes.Of(_keep)) - (TLanes.Of(_stepSize) * first / denominator);
    }

    private static (double First, double Second) BetasOf(OptimizerOptions options) => options.Betas ?? (0.9, 0.95);
}
