using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>One pass of <see cref="Adafactor"/> over a unit.</summary>
internal readonly unsafe struct AdafactorSweep(
    AdafactorPass pass, UnitState unit, HostGradientView gradient, float scale, float share, AdafactorPlan plan, double[] sums, AdafactorFactors[] factors, VectorPath path) : ISweepKernel
{
    private readonly void* _weights = (void*)unit.Weights.Address;
    private readonly short* _difference = (short*)(unit.Difference?.Address ?? 0);
    private readonly void* _gradient = (void*)gradient.Address;
    private readonly float* _rows = (float*)unit.OptimizerState[0].Address;
    private readonly float* _columns = (float*)unit.OptimizerState[1].Address;
    private readonly float* _vectors = (float*)unit.OptimizerState[2].Address;
    private readonly bool _exact = unit.Precision == StorePrecision.Bf16;
    private readonly bool _bf16Gradient = gradient.Type == ElementType.BFloat16;

    public void Run(long chunk, long first, int count)
    {
        switch (_exact, _bf16Gradient)
        {
            case (true, true): Run<ExactMasters, BFloat16Gradient>((int)chunk); break;
            case (true, false): Run<ExactMasters, Fp32Gradient>((int)chunk); break;
            case (false, true): Run<Fp32Masters, BFloat16Gradient>((int)chunk); break;
            case (false, false): Run<Fp32Masters, Fp32Gradient>((int)chunk); break;
        }
    }

    private void Run<TMasters, TGradient>(int chunk)
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        var part = (pass == AdafactorPass.Columns ? plan.Strips : plan.Parts)[chunk];
        var slot = plan.Slots[part.Slot];
        var factor = factors[part.Slot];
        var gradients = new GradientSource<TGradient>(_gradient, scale);
        if (pass == AdafactorPass.Columns)
        {
            AverageColumns(slot, part, gradients);
            return;
        }

        var (weightSum, updateSum) = (0.0, 0.0);
        var (lines, length) = slot.Rows > 0 ? (part.Count, (int)slot.Columns) : (1, part.Count);
        for (var line = 0; line < lines; line++)
        {
            var start = slot.First + (slot.Rows > 0 ? (part.First + line) * slot.Columns : part.First);
            var row = slot.RowState + part.First + line;
            var update = slot.Rows > 0
                ? new AdafactorUpdate<TGradient>(gradients, _columns + slot.ColumnState - start, _rows[row] * factor.Row)
                : new AdafactorUpdate<TGradient>(gradients, _vectors + row - start, 1);
            switch (pass)
            {
                case AdafactorPass.Rows:
                    if (slot.Rows > 0) Average(ref _rows[row], SquareAccumulator.Sum(gradients, start, length, path) / length);
                    else AverageVector(gradients, start, length, _vectors + row - start);
                    weightSum += SquareAccumulator.Sum(new MasterSource<TMasters>(_weights, _difference), start, length, path);
                    break;
                case AdafactorPass.Norms:
                    updateSum += SquareAccumulator.Sum(update, start, length, path);
                    break;
                default:
                    Apply<TMasters, TGradient>(update, start, start + length, factor);
                    break;
            }
        }

        if (pass == AdafactorPass.Rows) sums[2 * chunk] = weightSum;
        if (pass == AdafactorPass.Norms) sums[(2 * chunk) + 1] = updateSum;
    }

    private void Average(ref float moment, double square) => moment += share * ((float)square - moment);

    private void AverageColumns<TGradient>(AdafactorSlot slot, AdafactorPart strip, GradientSource<TGradient> gradients)
        where TGradient : struct, IGradientFormat
    {
        // Sixteen rows are added in fp32, in registers' width, before they go to the sums in double.
        const int Rows = 16;
        var block = stackalloc float[AdafactorPlan.StripColumns];
        var totals = stackalloc double[AdafactorPlan.StripColumns];
        new Span<double>(totals, strip.Count).Clear();
        for (long row = 0; row < slot.Rows; row += Rows)
        {
            new Span<float>(block, strip.Count).Clear();
            for (var inner = row; inner < Math.Min(row + Rows, slot.Rows); inner++)
            {
                var (start, column) = (slot.First + (inner * slot.Columns) + strip.First, 0);
                if (path == VectorPath.Avx512) column = AddSquares<Avx512Lanes, TGradient>(gradients, start, column, strip.Count, block);
                if (path == VectorPath.Avx2) column = AddSquares<Avx2Lanes, TGradient>(gradients, start, column, strip.Count, block);
                if (column < strip.Count) AddSquares<PortableLanes, TGradient>(gradients, start, column, strip.Count, block);
            }

            for (var column = 0; column < strip.Count; column++) totals[column] += block[column];
        }

        for (var column = 0; column < strip.Count; column++)
            Average(ref _columns[slot.ColumnState + strip.First + column], totals[column] / slot.Rows);
    }

    [MethodImpl(Kernels.Loop)]
    private static int AddSquares<TLanes, TGradient>(GradientSource<TGradient> gradients, long start, int column, int count, float* block)
        where TLanes : struct, IMemoryLanes<TLanes>
        where TGradient : struct, IGradientFormat
    {
        for (; column + TLanes.Width <= count; column += TLanes.Width)
        {
            var value = gradients.Load<TLanes>(start + column);
            (TLanes.Load(block + column) + (value * value)).Store(block + column);
        }

        return column;
    }

    private void AverageVector<TGradient>(GradientSource<TGradient> gradients, long start, int length, float* moments)
        where TGradient : struct, IGradientFormat
    {
        var (index, end) = (start, start + length);
        if (path == VectorPath.Avx512) index = AverageVector<Avx512Lanes, TGradient>(gradients, index, end, moments);
        if (path == VectorPath.Avx2) index = AverageVector<Avx2Lanes, TGradient>(gradients, index, end, moments);
        AverageVector<PortableLanes, TGradient>(gradients, index, end, moments);
    }

    [MethodImpl(Kernels.Loop)]
    private long AverageVector<TLanes, TGradient>(GradientSource<TGradient> gradients, long index, long end, float* moments)
        where TLanes : struct, IMemoryLanes<TLanes>
        where TGradient : struct, IGradientFormat
    {
        for (; index + TLanes.Width <= end; index += TLanes.Width)
        {
            var (value, moment) = (gradients.Load<TLanes>(index), TLanes.Load(moments + index));
            (moment + (TLanes.Of(share) * ((value * value) - moment))).Store(moments + index);
        }

        return index;
    }

    private void Apply<TMasters, TGradient>(AdafactorUpdate<TGradient> update, long index, long end, AdafactorFactors factor)
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        if (path == VectorPath.Avx512) index = Apply<Avx512Lanes, TMasters, TGradient>(update, index, end, factor);
        if (path == VectorPath.Avx2) index = Apply<Avx2Lanes, TMasters, TGradient>(update, index, end, factor);
        Apply<PortableLanes, TMasters, TGradient>(update, index, end, factor);
    }

    [MethodImpl(Kernels.Loop)]
    private long Apply<TLanes, TMasters, TGradient>(AdafactorUpdate<TGradient> update, long index, long end, AdafactorFactors factor)
        where TLanes : struct, IMemoryLanes<TLanes>
        where TMasters : struct, IMasterFormat
        where TGradient : struct, IGradientFormat
    {
        for (; index + TLanes.Width <= end; index += TLanes.Width)
        {
            var weight = TMasters.Load<TLanes>(_weights, _difference, index);
            weight = (weight * TLanes.Of(factor.Keep)) - (TLanes.Of(factor.Rate) * update.Load<TLanes>(index));
            TMasters.Store(weight, _weights, _difference, index);
        }

        return index;
    }
}
