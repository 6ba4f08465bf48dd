using Horizon.Flow;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples;

/// <summary>
/// What adapters do to the graph: a stage behind the upload adds s B A to the weights on the device, and one in front of the download turns the
/// gradient dW of the sum into dA = s B^T dW and dB = s dW A^T.
/// </summary>
/// <remarks>In a bf16 store the sum is rounded to bf16, as a merged model's weights are; A and B keep exact fp32 masters.</remarks>
public static class AdapterStages
{
    // <snippet>
    /// <summary>Adds the adapters to each unit that goes up.</summary>
    public static StageBlock<DeviceUnit, DeviceUnit> Merge(LowRankAdapters adapters, TrainingContext run, StageOptions stage)
    {
        var slots = Slots(adapters, run, "adapters to merge");
        return new(stage, async (unit, call) =>
        {
            if (!adapters.HasAdapters(unit.Visit.Layout)) return unit;
            using var factors = await UploadAsync(adapters, run, slots, unit.Visit, call).ConfigureAwait(false);
            await run.ComputeAsync([unit.Weights.Value, factors.Value], () =>
            {
                foreach (var (role, a, b) in Pairs(adapters, factors, unit.Visit))
                    unit.Parameters[role].addmm_(b, a, beta: 1, alpha: (float)adapters.Scale);
            }, call.Cancellation).ConfigureAwait(false);
            return unit;
        });
    }
    // </snippet>

    /// <summary>Gives the gradients of the adapters in the place of the whole unit's, which never leaves the device.</summary>
    public static StageBlock<DeviceGradient, DeviceGradient> Project(LowRankAdapters adapters, TrainingContext run, StageOptions stage)
    {
        var (slots, gradients) = (Slots(adapters, run, "adapters to project on"), Slots(adapters, run, "adapter gradients"));
        return new(stage, async (dense, call) =>
        {
            using var whole = dense.Gradient;
            using var factors = await UploadAsync(adapters, run, slots, dense.Visit, call).ConfigureAwait(false);
            var small = await call.WaitFor(gradients.RentAsync(call.Cancellation)).ConfigureAwait(false);
            await run.ComputeAsync([whole.Value, factors.Value, small.Value], () =>
            {
                foreach (var ((role, a, b), (_, gradientA, gradientB)) in Pairs(adapters, factors, dense.Visit).Zip(Pairs(adapters, small, dense.Visit)))
                {
                    gradientA.copy_(b.t().mm(dense.Views[role]).TimesInPlace(adapters.Scale));
                    gradientB.copy_(dense.Views[role].mm(a.t()).TimesInPlace(adapters.Scale));
                }
            }, call.Cancellation).ConfigureAwait(false);
            return new DeviceGradient(dense.Visit, small, adapters.LayoutOf(dense.Visit.Layout));
        });
    }

    private static LeasePool<DeviceSlot> Slots(LowRankAdapters adapters, TrainingContext run, string name)
    {
        var largest = run.Model.Units.Where(adapters.HasAdapters).Max(unit => adapters.LayoutOf(unit).ElementCount);
        return run.Register(new LeasePool<DeviceSlot>(name, 2, () => new DeviceSlot(run.Device.Allocate(largest, run.Store.WeightType))));
    }

    private static async ValueTask<Lease<DeviceSlot>> UploadAsync(
        LowRankAdapters adapters, TrainingContext run, LeasePool<DeviceSlot> slots, UnitVisit visit, StageCall call)
    {
        var lease = await call.WaitFor(slots.RentAsync(call.Cancellation)).ConfigureAwait(false);
        var weights = adapters.AdaptersOf(run.Store.Units[visit.Unit]).Weights;
        lease.Value.Fence = run.Device.Upload(weights, weights.ByteLength, lease.Value.Buffer, lease.Value.Fence);
        return lease;
    }

    private static IEnumerable<(string Role, Tensor A, Tensor B)> Pairs(LowRankAdapters adapters, Lease<DeviceSlot> factors, UnitVisit visit)
    {
        var views = factors.Value.ViewsOf(adapters.LayoutOf(visit.Layout));
        return visit.Layout.Parameters.Where(slot => adapters.Roles.Contains(slot.Role))
            .Select(slot => (slot.Role, views[slot.Role + AdapterLayout.A], views[slot.Role + AdapterLayout.B]));
    }
}
