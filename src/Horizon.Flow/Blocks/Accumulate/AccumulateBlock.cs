using Horizon.Flow.Graph;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Blocks;

/// <summary>
/// Brings the gradients of one unit together: those of several micro-batches, and the two of a tied embedding. Sums them in fp32 in the
/// order in which they come, and takes the sum of squares in the same pass: it shows the first micro-batch whose gradient is not finite.
/// </summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/>, one or more for each trained unit and step.</para>
/// <para>Gives: <see cref="HostGradient"/>, one for each trained unit and step, with its sum of squares.</para>
/// <para>Waits when: the unit's accumulator is still with the update of the step before.</para>
/// <para>Completes when: told to, after the last gradient. On fault: as any stage.</para>
/// <para>Owns: the accumulators of units whose gradients have not all come; gives slabs back as it has added them.</para>
/// </remarks>
public sealed class AccumulateBlock : StageBlock<HostGradient, HostGradient>
{
    /// <summary>Creates the block.</summary>
    /// <param name="accumulators">fp32, for units that may get more than one; the others pass through.</param>
    /// <param name="workers">Threads for the sweeps.</param>
    /// <param name="options">Bounds.</param>
    public AccumulateBlock(SlabPool accumulators, HostWorkers workers, StageOptions options)
        : this(accumulators, workers, options, [])
    {
    }

    private AccumulateBlock(SlabPool accumulators, HostWorkers workers, StageOptions options, Dictionary<int, UnitSum> sums)
        : base(options, async (gradient, call) =>
        {
            var visit = gradient.Visit;
            if (!sums.TryGetValue(visit.Unit, out var unit)) sums.Add(visit.Unit, unit = new UnitSum());
            var (count, all) = unit.Count(gradient);
            if (!accumulators.Has(visit.Unit))
            {
                if (all > 1) throw new InvalidOperationException("the unit gets several gradients a step but has no accumulator");
                var plain = gradient.SumOfSquares ?? GradientSweeps.SumOfSquares(gradient.View, workers).Value;
                return gradient.WithSumOfSquares(plain, double.IsFinite(plain) ? null : visit.MicroBatch);
            }

            unit.Accumulator ??= await call.WaitFor(accumulators.RentAsync(visit.Unit, call.Cancellation)).ConfigureAwait(false);
            var sum = GradientSweeps.Accumulate(unit.Accumulator.Value.Address, gradient.View, overwrite: count == 1, workers).Value;
            gradient.Slab.Dispose();
            if (!double.IsFinite(sum)) unit.BadMicroBatch ??= visit.MicroBatch;
            return count < all ? null : unit.Whole(gradient, sum);
        })
    {
    }

    /// <summary>What has come for one unit in its step.</summary>
    private sealed class UnitSum
    {
        private StepInfo? _step;
        private int _count;

        public Lease<HostBuffer>? Accumulator { get; set; }

        public int? BadMicroBatch { get; set; }

        public (int Count, int All) Count(HostGradient gradient)
        {
            var all = gradient.Info.Program.GradientsOf(gradient.Visit.Unit);
            if (gradient.Info != _step) (_step, _count, BadMicroBatch) = (gradient.Info, 0, null);
            if (++_count > all) throw new InvalidOperationException($"gradient {_count} of {all} came for the unit: a visit went through the graph twice");
            return (_count, all);
        }

        public HostGradient Whole(HostGradient last, double sum)
        {
            var accumulator = Accumulator!;
            Accumulator = null;
            return new HostGradient(last.Visit, accumulator, ElementType.Float32, layout: last.Layout).WithSumOfSquares(sum, BadMicroBatch);
        }
    }
}
