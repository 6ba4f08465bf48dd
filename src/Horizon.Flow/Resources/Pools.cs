using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using static System.FormattableString;

namespace Horizon.Flow.Resources;

/// <summary>The pools of the default graph.</summary>
public static class Pools
{
    private const int LossCells = 4;

    /// <summary>Device buffers for weights, each large enough for any unit.</summary>
    public static PoolSpec<LeasePool<DeviceSlot>> Weights { get; } = Slots(PoolNames.DeviceWeights, "unit", pipeline => pipeline.DeviceBuffers, sizing => sizing.LargestUnit);

    /// <summary>Device buffers for gradients, each large enough for any unit.</summary>
    public static PoolSpec<LeasePool<DeviceSlot>> Gradients { get; } = Slots(PoolNames.DeviceGradients, "gradient", pipeline => pipeline.GradientBuffers, sizing => sizing.LargestGradient);

    /// <summary>Losses on their way to the host.</summary>
    public static PoolSpec<LeasePool<LossCell>> Losses { get; } =
        new(PoolNames.Losses, _ => LossCells, (run, count) => new(PoolNames.Losses, count, () => new LossCell(run.Device)));

    /// <summary>Sums of squares on their way to the host.</summary>
    public static PoolSpec<LeasePool<SquareParts>> Squares { get; } =
        new(PoolNames.Squares, _ => 1, (run, count) => new(PoolNames.Squares, count, () => new SquareParts(run.Device)));

    /// <summary>Page-locked host buffers for offloaded inputs, one for each of a micro-batch.</summary>
    public static PoolSpec<LeasePool<OffloadedInput>> OffloadedInputs { get; } =
        new(PoolNames.OffloadedInputs, plan => ActivationTable.Of(plan).OffloadedInputs, (run, count) => new(PoolNames.OffloadedInputs, count, () => new OffloadedInput(run.Device)))
        {
            Memory = sizing => Inputs(sizing, MemoryPlace.Host, PoolNames.OffloadedInputs, ActivationTable.Of(sizing.Plan).OffloadedInputs),
        };

    /// <summary>Device buffers for inputs that come back.</summary>
    public static PoolSpec<LeasePool<ReturnedInput>> ReturnedInputs { get; } =
        new(PoolNames.ReturnedInputs, plan => ActivationTable.Of(plan).OffloadedInputs > 0 ? plan.Options.Pipeline.ReturnBuffers : 0, (run, count) => new(PoolNames.ReturnedInputs, count, () => new ReturnedInput(run.Device)))
        {
            Memory = sizing => Inputs(sizing, MemoryPlace.Device, PoolNames.ReturnedInputs, sizing.Plan.Options.Pipeline.ReturnBuffers),
        };

    /// <summary>Page-locked host buffers that gradients come down into: one for each trained unit where some stage holds a whole step of them or that takes no more, else a few.</summary>
    public static PoolSpec<SlabPool> Slabs { get; } =
        new(PoolNames.Slabs, plan => plan.SlabPerUnit ? Math.Max(1, plan.Model.Units.Count(plan.Options.IsTrainable)) : plan.Options.Pipeline.GradientSlabs, MakeSlabs)
        {
            Memory = SlabMemory,
        };

    /// <summary>fp32 accumulators of units that get several gradients a step.</summary>
    public static PoolSpec<SlabPool> Accumulators { get; } =
        new(PoolNames.Accumulators, plan => Math.Max(1, plan.Model.Units.Where((unit, i) => plan.Options.IsTrainable(unit) && plan.Accumulates(i)).Count()), (run, _) =>
        {
            var gradients = new PoolSizing(run.Plan, run.Store.WeightType).Gradients;
            return SlabPool.PerUnit(PoolNames.Accumulators, run.Device, [.. gradients.Select((count, i) => run.Plan.Accumulates(i) ? count * sizeof(float) : null)]);
        })
        {
            Memory = sizing => sizing.Gradients.Where((_, i) => sizing.Plan.Accumulates(i)).Sum() is var count and > 0
                ? [new(MemoryPlace.Host, PoolNames.Accumulators, count.Value * sizeof(float), Invariant($"{sizeof(float)} bytes x {count:N0} parameters"))] : [],
        };

    private static PoolSpec<LeasePool<DeviceSlot>> Slots(string name, string what, Func<PipelineOptions, int> count, Func<PoolSizing, long> largestOf) => new(
        name,
        plan => count(plan.Options.Pipeline),
        (run, capacity) =>
        {
            var largest = largestOf(new PoolSizing(run.Plan, run.Store.WeightType));
            return new(name, capacity, () => new DeviceSlot(run.Device.Allocate(largest, run.Store.WeightType)));
        })
    {
        Memory = sizing => [new(
            MemoryPlace.Device, name, count(sizing.Plan.Options.Pipeline) * largestOf(sizing) * sizing.WeightType.ByteSize(),
            Invariant($"{count(sizing.Plan.Options.Pipeline)} x largest {what} of {largestOf(sizing):N0} parameters"))],
    };

    private static SlabPool MakeSlabs(TrainingContext run, int count)
    {
        var bytes = run.Store.WeightType.ByteSize();
        var gradients = new PoolSizing(run.Plan, run.Store.WeightType).Gradients;
        return run.Plan.SlabPerUnit
            ? SlabPool.PerUnit(PoolNames.Slabs, run.Device, [.. gradients.Select(elements => elements * bytes)])
            : SlabPool.Shared(PoolNames.Slabs, run.Device, count, (gradients.Max() ?? 0) * bytes, gradients.Count);
    }

    private static IEnumerable<MemoryItem> SlabMemory(PoolSizing sizing)
    {
        var (gradients, bytes, slabs) = (sizing.Gradients, sizing.WeightType.ByteSize(), sizing.Plan.Options.Pipeline.GradientSlabs);
        var (sum, largest) = (gradients.Sum() ?? 0, gradients.Max() ?? 0);
        yield return sizing.Plan.SlabPerUnit
            ? new(MemoryPlace.Host, PoolNames.Slabs, sum * bytes, Invariant($"one for each trained unit: {bytes} bytes x {sum:N0} parameters"))
            : new(MemoryPlace.Host, PoolNames.Slabs, slabs * largest * bytes, Invariant($"{slabs} x {bytes} bytes x {largest:N0} parameters"));
    }

    private static IEnumerable<MemoryItem> Inputs(PoolSizing sizing, MemoryPlace place, string name, int count) => sizing.Batch is not { } batch ? []
        : [new(place, name, count * sizing.Plan.Model.HiddenSize * batch.TokenBytes, Invariant($"{count} x [{batch.Tokens:N0}, {sizing.Plan.Model.HiddenSize}]"))];
}
