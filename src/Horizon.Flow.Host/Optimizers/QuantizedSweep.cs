using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// One pass of <see cref="AdamWRule"/> over a unit whose moments are 8-bit codes: a block at a time, its moments are decoded, the
/// weights are updated, and the new moments are encoded with the block's new scales.
/// </summary>
internal readonly unsafe struct QuantizedSweep(
    UnitState unit, HostGradientView gradient, OptimizerStep step, QuantizedPieces plan, AdamWRule rule, VectorPath path) : ISweepKernel
{
    private const int BlockElements = QuantizedPieces.BlockElements;

    // A block's scale is its largest magnitude, but not so small that its inverse would be infinite.
    private const float LeastScale = 1e-37f;

    private readonly void* _weights = (void*)unit.Weights.Address;
    private readonly short* _difference = (short*)(unit.Difference?.Address ?? 0);
    private readonly void* _gradient = (void*)gradient.Address;
    private readonly byte* _firstCodes = (byte*)unit.OptimizerState[0].Address;
    private readonly byte* _secondCodes = (byte*)unit.OptimizerState[1].Address;
    private readonly float* _firstScales = (float*)unit.OptimizerState[2].Address;
    private readonly float* _secondScales = (float*)unit.OptimizerState[3].Address;
    private readonly bool _exact = unit.Precision == StorePrecision.Bf16;
    private readonly bool _bf16Gradient = gradient.Type == ElementType.BFloat16;

    public void Run(long chunk, long first, int count)
    {
        ref readonly var piece = ref plan.Pieces[chunk];
        var pieceRule = rule.For(step.LearningRate * piece.LearningRateFactor, piece.WeightDecay);
        var block = plan.FirstBlocks[piece.Slot] + (piece.Offset / BlockElements);
        for (var offset = 0; offset < piece.Count; offset += BlockElements, block++)
        {
            var (start, length) = (piece.First + offset, Math.Min(BlockElements, piece.Count - offset));
            switch (_exact, _bf16Gradient)
            {
                case (true, true): Run<ExactMasters, BFloat16Gradient>(start, length, block, pieceRule); break;
                case (true, false): Run<ExactMasters, Fp32Gradient>(start, length, block, pieceRule); break;
                case (false, true): Run<Fp32Masters, BFloat16Gradient>(start, length, block, pieceRule); break;
                case (false, false): Run<Fp32Masters, Fp32Gradient>(start, length, block, pieceRule); break;
            }
        }
    }

    [SkipLocalsInit]
    private void Run<TMasters, TGradient>(long start, int length, long block, in AdamWRule pieceRule)
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        var moments = stackalloc float[2 * BlockElements];
        var (firstScale, secondScale, decoded, done, encoded) = (0f, 0f, 0, 0, 0);
        if (path == VectorPath.Avx512) decoded = Decode<Avx512Lanes>(start, 0, length, block, moments);
        if (path == VectorPath.Avx2) decoded = Decode<Avx2Lanes>(start, 0, length, block, moments);
        if (decoded < length) Decode<PortableLanes>(start, decoded, length, block, moments);

        if (path == VectorPath.Avx512) done = Update<Avx512Lanes, TMasters, TGradient>(start, 0, length, moments, ref firstScale, ref secondScale, pieceRule);
        if (path == VectorPath.Avx2) done = Update<Avx2Lanes, TMasters, TGradient>(start, 0, length, moments, ref firstScale, ref secondScale, pieceRule);
        if (done < length) Update<PortableLanes, TMasters, TGradient>(start, done, length, moments, ref firstScale, ref secondScale, pieceRule);

        (_firstScales[block], _secondScales[block]) = (firstScale, secondScale) = (Scale(firstScale), Scale(secondScale));
        if (path == VectorPath.Avx512) encoded = Encode<Avx512Lanes>(start, 0, length, moments, firstScale, secondScale);
        if (path == VectorPath.Avx2) encoded = Encode<Avx2Lanes>(start, 0, length, moments, firstScale, secondScale);
        if (encoded < length) Encode<PortableLanes>(start, encoded, length, moments, firstScale, secondScale);
    }

    [MethodImpl(Kernels.Loop)]
    private int Decode<TLanes>(long start, int index, int length, long block, float* moments)
        where TLanes : struct, IMemoryLanes<TLanes>
    {
        var (firstScale, secondScale) = (TLanes.Of(_firstScales[block]), TLanes.Of(_secondScales[block]));
        var (signed, unsigned) = (DynamicMap.Signed, DynamicMap.Unsigned);
        for (; index + TLanes.Width <= length; index += TLanes.Width)
        {
            (signed.Decode<TLanes>(_firstCodes + start + index) * firstScale).Store(moments + index);
            (unsigned.Decode<TLanes>(_secondCodes + start + index) * secondScale).Store(moments + BlockElements + index);
        }

        return index;
    }

    [MethodImpl(Kernels.Loop)]
    private int Update<TLanes, TMasters, TGradient>(long start, int index, int length, float* moments, ref float firstScale, ref float secondScale, in AdamWRule pieceRule)
        where TLanes : struct, IMemoryLanes<TLanes>
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        var (firstLargest, secondLargest) = (TLanes.Of(0), TLanes.Of(0));
        var (localRule, scale) = (pieceRule, TLanes.Of(step.GradientScale));
        for (; index + TLanes.Width <= length; index += TLanes.Width)
        {
            var at = start + index;
            var weight = TMasters.Load<TLanes>(_weights, _difference, at);
            var (first, second) = (TLanes.Load(moments + index), TLanes.Load(moments + BlockElements + index));
            localRule.Apply(ref weight, TGradient.Load<TLanes>(_gradient, at) * scale, ref first, ref second);
            TMasters.Store(weight, _weights, _difference, at);
            first.Store(moments + index);
            second.Store(moments + BlockElements + index);
            firstLargest = TLanes.Max(firstLargest, TLanes.Abs(first));
            secondLargest = TLanes.Max(secondLargest, second);
        }

        firstScale = MathF.Max(firstScale, TLanes.Largest(firstLargest));
        secondScale = MathF.Max(secondScale, TLanes.Largest(secondLargest));
        return index;
    }

    [MethodImpl(Kernels.Loop)]
    private int Encode<TLanes>(long start, int index, int length, float* moments, float firstScale, float secondScale)
        where TLanes : struct, IMemoryLanes<TLanes>
    {
        var (firstInverse, secondInverse) = (TLanes.Of(1 / MathF.Max(firstScale, LeastScale)), TLanes.Of(1 / MathF.Max(secondScale, LeastScale)));
        var (signed, unsigned) = (DynamicMap.Signed, DynamicMap.Unsigned);
        for (; index + TLanes.Width <= length; index += TLanes.Width)
        {
            signed.Encode(TLanes.Load(moments + index) * firstInverse, _firstCodes + start + index);
            unsigned.Encode(TLanes.Load(moments + BlockElements + index) * secondInverse, _secondCodes + start + index);
        }

        return index;
    }

    private static float Scale(float largest) => largest > 0 ? MathF.Max(largest, LeastScale) : 0;
}
