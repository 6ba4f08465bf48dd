using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>One step without momentum: <c>p = p - lr (g + wd p)</c>.</summary>
internal readonly struct SgdRule : IElementRule<SgdRule>
{
    private readonly float _rate;
    private readonly float _decay;

    private SgdRule(double learningRate, double weightDecay) => (_rate, _decay) = ((float)learningRate, (float)weightDecay);

    /// <inheritdoc/>
    public static int StateCount => 0;

    /// <inheritdoc/>
    public SgdRule For(double learningRate, double weightDecay) => new(learningRate, weightDecay);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Apply<TLanes>(ref TLanes weight, TLanes gradient, ref TLanes first, ref TLanes second)
        where TLanes : struct, ILanes<TLanes> =>
        weight -= TLanes.Of(_rate) * (gradient + (TLanes.Of(_decay) * weight));
}
