using Horizon.Flow.Graph;
using Horizon.Flow.Resources;
using static System.FormattableString;

namespace Horizon.Flow.Distributed;

/// <summary>The device buffers of a plan on several ranks: slices that go up and come down, and wholes between them.</summary>
internal sealed class RankPools
{
    /// <summary>Units made whole.</summary>
    public const string WholeWeightsName = "whole weight buffers";

    /// <summary>Gradients before they are summed.</summary>
    public const string WholeGradientsName = "whole gradient buffers";

    public RankPools(UnitSlices slices, int ranks, int prefetch)
    {
        // With room for a whole last part, so that equal counts do.
        var (slice, whole) = (LargestOf(cut => cut.Stretches.Sum(stretch => stretch.Largest)), LargestOf(cut => cut.Stretches.Max(stretch => stretch.PaddedEnd)));
        var (sliceGradient, wholeGradient) = (LargestOf(cut => cut.Gradient?.Largest ?? 0), LargestOf(cut => cut.Gradient?.PaddedEnd ?? 0));
        SliceWeights = Slots(PoolNames.DeviceWeights, plan => plan.Options.Pipeline.DeviceBuffers, slice, $"the largest slice of {ranks}");
        SliceGradients = Slots(PoolNames.DeviceGradients, plan => plan.Options.Pipeline.GradientBuffers, sliceGradient, $"the largest slice of {ranks}");
        WholeWeights = Slots(WholeWeightsName, plan => Math.Max(plan.Options.Pipeline.DeviceBuffers, plan.Options.RecomputeInterval + prefetch), whole, "the largest unit");
        WholeGradients = Slots(WholeGradientsName, plan => plan.Options.Pipeline.GradientBuffers, wholeGradient, "the largest unit");

        long LargestOf(Func<UnitCut, long> count) => Math.Max(1, slices.Cuts.Max(count));
    }

    public PoolSpec<LeasePool<DeviceSlot>> SliceWeights { get; }

    public PoolSpec<LeasePool<DeviceSlot>> SliceGradients { get; }

    public PoolSpec<LeasePool<DeviceSlot>> WholeWeights { get; }

    public PoolSpec<LeasePool<DeviceSlot>> WholeGradients { get; }

    /// <summary>The pools of a stage, with those of slices in the place of those of whole units.</summary>
    public IReadOnlyList<IPoolSpec> InPlaceOf(IReadOnlyList<IPoolSpec> pools) =>
        [.. pools.Select(pool => pool.Name == SliceWeights.Name ? SliceWeights : pool.Name == SliceGradients.Name ? SliceGradients : pool)];

    private static PoolSpec<LeasePool<DeviceSlot>> Slots(string name, Func<TrainingPlan, int> capacity, long elements, string what) =>
        new(name, capacity, (run, count) => new(name, count, () => new DeviceSlot(run.Device.Allocate(elements, run.Store.WeightType))))
        {
            Memory = sizing => [new(
                MemoryPlace.Device, name, capacity(sizing.Plan) * elements * Host.Memory.ElementTypes.ByteSize(sizing.WeightType),
                Invariant($"{capacity(sizing.Plan)} x {what}, {elements:N0} parameters"))],
        };
}
