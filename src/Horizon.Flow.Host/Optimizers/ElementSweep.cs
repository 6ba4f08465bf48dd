using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// One pass of an <see cref="IElementRule{TSelf}"/> over a unit: read gradient, master and state, apply the rule, write master
/// and state, or one of both (<see cref="UpdateParts"/>), piece by piece.
/// </summary>
/// <remarks>
/// Stores are ordinary ones: every line that is written was read just before, so that a non-temporal store saves no traffic. What comes
/// is asked for ahead: five streams at once are more than the processor's own prefetching keeps up with, most of all while copies use the
/// memory too.
/// </remarks>
internal readonly unsafe struct ElementSweep<TRule, TPart>(
    UnitState unit, HostGradientView gradient, OptimizerStep step, ParameterPiece[] pieces, TRule rule, VectorPath path) : ISweepKernel
    where TRule : struct, IElementRule<TRule>
    where TPart : struct, IUpdatePart
{
    private readonly void* _weights = (void*)unit.Weights.Address;
    private readonly short* _difference = (short*)(unit.Difference?.Address ?? 0);
    private readonly void* _gradient = (void*)gradient.Address;
    private readonly float* _first = TRule.StateCount > 0 ? (float*)unit.OptimizerState[0].Address : null;
    private readonly float* _second = TRule.StateCount > 1 ? (float*)unit.OptimizerState[1].Address : null;
    private readonly bool _exact = unit.Precision == StorePrecision.Bf16;
    private readonly bool _bf16Gradient = gradient.Type == ElementType.BFloat16;

    public void Run(long chunk, long first, int count)
    {
        ref readonly var piece = ref pieces[chunk];
        var pieceRule = rule.For(step.LearningRate * piece.LearningRateFactor, piece.WeightDecay);
        switch (_exact, _bf16Gradient)
        {
            case (true, true): Run<ExactMasters, BFloat16Gradient>(piece, pieceRule); break;
            case (true, false): Run<ExactMasters, Fp32Gradient>(piece, pieceRule); break;
            case (false, true): Run<Fp32Masters, BFloat16Gradient>(piece, pieceRule); break;
            case (false, false): Run<Fp32Masters, Fp32Gradient>(piece, pieceRule); break;
        }
    }

    private void Run<TMasters, TGradient>(in ParameterPiece piece, TRule pieceRule)
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        var (index, end) = (piece.First, piece.First + piece.Count);
        if (path == VectorPath.Avx512) index = Run<Avx512Lanes, TMasters, TGradient>(index, end, pieceRule);
        if (path == VectorPath.Avx2) index = Run<Avx2Lanes, TMasters, TGradient>(index, end, pieceRule);
        Run<PortableLanes, TMasters, TGradient>(index, end, pieceRule);
    }

    [MethodImpl(Kernels.Loop)]
    private long Run<TLanes, TMasters, TGradient>(long index, long end, TRule pieceRule)
        where TLanes : struct, IMemoryLanes<TLanes>
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        var weights = _weights;
        var difference = _difference;
        var gradients = _gradient;
        var first = _first;
        var second = _second;
        var scale = TLanes.Of(step.GradientScale);
        var begin = index;
        for (; index + TLanes.Width <= end; index += TLanes.Width)
        {
            if (TLanes.Width > 1 && (index - begin) % Prefetch.Line == 0 && index + Prefetch.Ahead < end)
            {
                var ahead = index + Prefetch.Ahead;
                if (TPart.Weights) Prefetch.Request(weights, ahead, TMasters.WeightBytes);
                if (TPart.Weights) Prefetch.Request(difference, ahead, TMasters.DifferenceBytes);
                Prefetch.Request(gradients, ahead, TGradient.ElementBytes);
                if (TRule.StateCount > 0) Prefetch.Request(first, ahead, sizeof(float));
                if (TRule.StateCount > 1) Prefetch.Request(second, ahead, sizeof(float));
            }

            var weight = TPart.Weights ? TMasters.Load<TLanes>(weights, difference, index) : default;
            var scaled = TGradient.Load<TLanes>(gradients, index) * scale;
            var firstState = TRule.StateCount > 0 ? TLanes.Load(first + index) : default;
            var secondState = TRule.StateCount > 1 ? TLanes.Load(second + index) : default;
            pieceRule.Apply(ref weight, scaled, ref firstState, ref secondState);
            if (TPart.Weights) TMasters.Store(weight, weights, difference, index);
            if (TPart.State && TRule.StateCount > 0) firstState.Store(first + index);
            if (TPart.State && TRule.StateCount > 1) secondState.Store(second + index);
        }

        return index;
    }
}
