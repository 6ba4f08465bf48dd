using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow.Testing.Tests;

/// <summary>Default stages with one fence left out each: right on a CPU, a race on a GPU.</summary>
internal static class MutatedStages
{
    /// <summary>The change, and the accesses that must be found.</summary>
    public static IReadOnlyDictionary<string, (Func<TrainingPlan, TrainingPlan> Change, string First, string Second)> All { get; } =
        new Dictionary<string, (Func<TrainingPlan, TrainingPlan>, string, string)>
        {
            ["upload does not wait for the last use"] = (UploadAtOnce, "^the computation before its fence [0-9]+ reads it$", "^upload [0-9]+ fills it$"),
            ["upload leaves no fence"] = (UploadWithoutFence, "^upload [0-9]+ fills it$", "^the computation before its fence [0-9]+ reads it"),
            ["upload leaves no fence, bf16"] = (UploadWithoutFence, "^upload [0-9]+ fills it$", "^the computation before its fence [0-9]+ reads it"),
            ["weights change without waiting for the upload"] = (WeightsChangeAtOnce, "^upload [0-9]+ fills it$", "^the computation before its fence [0-9]+ writes it$"),
            ["a gradient changes and no fence is recorded"] = (GradientChangesUnrecorded, "^the computation before its fence [0-9]+ writes it$", "^download [0-9]+ reads it$"),
            ["download does not wait for the gradient"] = (DownloadAtOnce, "^the computation before its fence [0-9]+ writes it$", "^download [0-9]+ reads it$"),
            ["download leaves no fence"] = (DownloadWithoutFence, "^download [0-9]+ reads it$", "^the computation before its fence [0-9]+ writes it$"),
        };

    private static TrainingPlan UploadAtOnce(TrainingPlan plan) => plan.At(Stages.Upload).Replace((run, stage) => new StageBlock<HostUnit, DeviceUnit>(stage, async (unit, call) =>
    {
        var lease = await call.WaitFor(run.Pool(Pools.Weights).RentAsync(call.Cancellation));
        lease.Value.Fence = run.Device.Upload(unit.Weights, unit.ByteLength, lease.Value.Buffer, Fence.Completed);
        return new DeviceUnit(unit.Visit, lease);
    }));

    private static TrainingPlan UploadWithoutFence(TrainingPlan plan) => plan.At(Stages.Upload).Replace((run, stage) => new StageBlock<HostUnit, DeviceUnit>(stage, async (unit, call) =>
    {
        var lease = await call.WaitFor(run.Pool(Pools.Weights).RentAsync(call.Cancellation));
        run.Device.Upload(unit.Weights, unit.ByteLength, lease.Value.Buffer, lease.Value.Fence);
        return new DeviceUnit(unit.Visit, lease);
    }));

    private static TrainingPlan WeightsChangeAtOnce(TrainingPlan plan) => plan.At(Stages.Upload).InsertAfter("halve", unit =>
    {
        unit.Parameters.Flat.TimesInPlace(0.5);
        return unit;
    });

    private static TrainingPlan GradientChangesUnrecorded(TrainingPlan plan) => plan.OutOfJoin(Stages.Download).Insert("halve", gradient =>
    {
        gradient.Views.Flat.TimesInPlace(0.5);
        return gradient;
    });

    private static TrainingPlan DownloadAtOnce(TrainingPlan plan) => Download(plan, async (run, gradient, slab, _) =>
    {
        var slot = gradient.Gradient.Value;
        slot.Fence = run.Device.Download(slot.Buffer, gradient.Layout.ElementCount * run.Store.WeightType.ByteSize(), slab, Fence.Completed);
        var landed = slot.Fence;
        gradient.Gradient.Dispose();
        await landed.WaitAsync();
    });

    // The copy is slow: whoever gets the buffer next must have been told of it.
    private static TrainingPlan DownloadWithoutFence(TrainingPlan plan) => Download(plan, (run, gradient, slab, call) =>
    {
        var slot = gradient.Gradient.Value;
        run.Device.Download(slot.Buffer, gradient.Layout.ElementCount * run.Store.WeightType.ByteSize(), slab, slot.Fence);
        gradient.Gradient.Dispose();
        return Task.Delay(Timeout.Infinite, call.Cancellation);
    });

    private static TrainingPlan Download(TrainingPlan plan, Func<TrainingContext, DeviceGradient, HostBuffer, StageCall, Task> copy) =>
        plan.At(Stages.Download).Replace((run, stage) => new StageBlock<DeviceGradient, HostGradient>(stage, async (gradient, call) =>
        {
            var slab = await call.WaitFor(run.Pool(Pools.Slabs).RentAsync(gradient.Visit.Unit, call.Cancellation));
            await copy(run, gradient, slab.Value, call);
            return new HostGradient(gradient.Visit, slab, run.Store.WeightType, layout: gradient.Layout);
        }));
}
