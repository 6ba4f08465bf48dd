using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Gradients;

/// <summary>A gradient in memory, scaled.</summary>
internal readonly unsafe struct GradientSource<TGradient>(void* gradient, float scale) : ILaneSource
    where TGradient : struct, IGradientFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Load<TLanes>(long index)
        where TLanes : struct, IMemoryLanes<TLanes> => TGradient.Load<TLanes>(gradient, index) * TLanes.Of(scale);
}

/// <summary>Masters in memory.</summary>
internal readonly unsafe struct MasterSource<TMasters>(void* weights, short* difference) : ILaneSource
    where TMasters : struct, IMasterFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Load<TLanes>(long index)
        where TLanes : struct, IMemoryLanes<TLanes> => TMasters.Load<TLanes>(weights, difference, index);
}
