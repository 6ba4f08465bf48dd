using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

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
public sealed class GatherBlock : StageBlock<HostGradient, HostGradient>
{
    /// <summary>Creates the block.</summary>
    /// <param name="expected">How many gradients of a unit a step with that many micro-batches gives.</param>
    /// <param name="accumulators">fp32, for units that may get more than one; the others pass through.</param>
    /// <param name="workers">Threads for the sweeps.</param>
    /// <param name="options">Bounds.</param>
    public GatherBlock(Func<HostGradient, int> expected, SlabPool accumulators, HostWorkers workers, StageOptions options)
        : this(expected, accumulators, workers, options, [])
    {
    }

    private GatherBlock(
        Func<HostGradient, int> expected, SlabPool accumulators, HostWorkers workers, StageOptions options, Dictionary<int, Lease<HostBuffer>> open)
        : base(options, async (gradient, call) =>
        {
            var visit = gradient.Visit;
            var count = visit.Step.CountContribution(visit.Unit);
            var all = expected(gradient);
            if (count > all) throw new InvalidOperationException($"gradient {count} of {all} came for the unit: a visit went through the graph twice");
            if (all > 1 && !accumulators.Has(visit.Unit)) throw new InvalidOperationException("the unit gets several gradients a step but has no accumulator");
            double sum;
            var whole = gradient;
            if (!accumulators.Has(visit.Unit))
            {
                sum = gradient.SumOfSquares ?? GradientSweeps.SumOfSquares(gradient.View, workers).Value;
            }
            else
            {
                if (count == 1) open[visit.Unit] = await call.WaitFor(accumulators.RentAsync(visit.Unit, call.Cancellation)).ConfigureAwait(false);
                var accumulator = open[visit.Unit];
                sum = GradientSweeps.Accumulate(accumulator.Value.Address, gradient.View, overwrite: count == 1, workers).Value;
                gradient.Slab.Dispose();
                if (!double.IsFinite(sum)) visit.Step.RecordBadGradient(visit);
                if (count < all) return null;
                open.Remove(visit.Unit);
                whole = new HostGradient(visit, accumulator, ElementType.Float32, layout: gradient.Layout);
            }

            if (!double.IsFinite(sum)) visit.Step.RecordBadGradient(visit);
            visit.Step.RecordSumOfSquares(visit.Unit, sum);
            return whole.WithSumOfSquares(sum);
        })
    {
    }
}
