using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>The update u = g / max(sqrt(V), eps1) of one row or vector, before clipping.</summary>
/// <param name="gradients">g.</param>
/// <param name="moments">The columns' or elements' moments, so shifted that the flat buffer's index finds them.</param>
/// <param name="factor">What the moments are multiplied by to give V: the row's part.</param>
internal readonly unsafe struct AdafactorUpdate<TGradient>(GradientSource<TGradient> gradients, float* moments, float factor) : ILaneSource
    where TGradient : struct, IGradientFormat
{
    private const float LeastSquare = Adafactor.Least * Adafactor.Least;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Load<TLanes>(long index)
        where TLanes : struct, IMemoryLanes<TLanes>
    {
        var variance = TLanes.Max(TLanes.Load(moments + index) * TLanes.Of(factor), TLanes.Of(LeastSquare));
        return gradients.Load<TLanes>(index) / TLanes.Sqrt(variance);
    }
}
