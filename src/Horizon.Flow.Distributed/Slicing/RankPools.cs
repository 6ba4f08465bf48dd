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

    public RankPools(int ranks, int prefetch)
    {
        SliceWeights = Slots(PoolNames.DeviceWeights, plan => plan.Options.Pipeline.DeviceBuffers, ranks, 1);
        SliceGradients = Slots(PoolNames.DeviceGradients, plan => plan.Options.Pipeline.GradientBuffers, ranks, 1);
        WholeWeights = Slots(WholeWeightsName, plan => Math.Max(plan.Options.Pipeline.DeviceBuffers, plan.Options.RecomputeInterval + prefetch), ranks, ranks);
        WholeGradients = Slots(WholeGradientsName, plan => plan.Options.Pipeline.GradientBuffers, ranks, ranks);
    }

    public PoolSpec<LeasePool<DeviceSlot>> SliceWeights { get; }

    public PoolSpec<LeasePool<DeviceSlot>> SliceGradients { get; }

    public PoolSpec<LeasePool<DeviceSlot>> WholeWeights { get; }

    public PoolSpec<LeasePool<DeviceSlot>> WholeGradients { get; }

    /// <summary>The pools of a stage, with those of slices in the place of those of whole units.</summary>
    public IReadOnlyList<IPoolSpec> InPlaceOf(IReadOnlyList<IPoolSpec> pools) =>
        [.. pools.Select(pool => pool.Name == SliceWeights.Name ? SliceWeights : pool.Name == SliceGradients.Name ? SliceGradients : pool)];

    private static PoolSpec<LeasePool<DeviceSlot>> Slots(string name, Func<TrainingPlan, int> capacity, int ranks, int slices)
    {
        return new(name, capacity, (run, count) => new(name, count, () => new DeviceSlot(run.Device.Allocate(Elements(run.Plan), run.Store.WeightType))))
        {
            Memory = sizing => [new(
                MemoryPlace.Device, name, capacity(sizing.Plan) * Elements(sizing.Plan) * Host.Memory.ElementTypes.ByteSize(sizing.WeightType),
                Invariant($"{capacity(sizing.Plan)} x {(slices == 1 ? $"the largest slice of {ranks}" : "the largest unit")}, {Elements(sizing.Plan):N0} parameters"))],
        };

        long Elements(TrainingPlan plan) => slices * plan.Models.Max(model => model.Units.Max(unit => UnitSlices.SizeOf(unit, ranks)));
    }
}
