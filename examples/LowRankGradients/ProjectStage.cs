using Horizon.Flow;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Resources;

namespace Horizon.Examples;

/// <summary>The stage between join and download: takes the whole gradient, gives the small one. The whole one never leaves the device.</summary>
public static class ProjectStage
{
    private const int Buffers = 2;

    /// <summary>Its pools, which the run makes and the memory plan counts.</summary>
    public static StageTraits Traits(LowRankGradients rule) => new() { Stateful = true, Pools = [Projections(rule), Gradients(rule)] };

    // <snippet>
    /// <summary>Makes the block.</summary>
    public static StageBlock<DeviceGradient, DeviceGradient> Create(LowRankGradients rule, TrainingContext run, StageOptions stage)
    {
        ArgumentNullException.ThrowIfNull(rule);
        ArgumentNullException.ThrowIfNull(run);
        var (projections, gradients, renewed) = (run.Pool(Projections(rule)), run.Pool(Gradients(rule)), new Dictionary<int, long>());
        return new(stage, async (whole, call) =>
        {
            var (unit, layout) = (run.Store.Units[whole.Visit.Unit], rule.LayoutOf(whole.Visit.Layout));
            if (layout.Projections.ElementCount == 0) return whole;
            using var lease = whole.Gradient;
            using var projection = await call.WaitFor(projections.RentAsync(call.Cancellation)).ConfigureAwait(false);
            var small = await call.WaitFor(gradients.RentAsync(call.Cancellation)).ConfigureAwait(false);
            var (slot, home, bytes) = (projection.Value, unit.OptimizerState[0], layout.Projections.ElementCount * sizeof(float));
            // Once a step at most: all micro-batches of a step are projected alike.
            var renews = unit.Updates % rule.Every == 0 && renewed.GetValueOrDefault(whole.Visit.Unit) != whole.Step;
            if (!renews) slot.Fence = run.Device.Upload(home, bytes, slot.Buffer, slot.Fence);
            await run.ComputeAsync([lease.Value, slot, small.Value], () =>
            {
                var (from, to, by) = (whole.Views, small.Value.ViewsOf(layout.Gradient), slot.ViewsOf(layout.Projections));
                foreach (var parameter in whole.Layout.Parameters)
                {
                    var (role, isProjected) = (parameter.Role, layout.ProjectionOf(parameter) is not null);
                    if (isProjected && renews) by[role].copy_(rule.Projection(from[role]));
                    to[role].copy_(isProjected ? LowRankGradients.Project(from[role], by[role]) : from[role]);
                }
            }, call.Cancellation).ConfigureAwait(false);
            if (renews)
            {
                // There before the update, which comes behind this gradient, needs it.
                slot.Fence = run.Device.Download(slot.Buffer, bytes, home, slot.Fence);
                await slot.Fence.WaitAsync().ConfigureAwait(false);
                renewed[whole.Visit.Unit] = whole.Step;
            }

            return new DeviceGradient(whole.Visit, small, layout.Gradient);
        });
    }
    // </snippet>

    private static PoolSpec<LeasePool<DeviceSlot>> Projections(LowRankGradients rule) =>
        Slots("projections", unit => rule.LayoutOf(unit).Projections, _ => ElementType.Float32);

    private static PoolSpec<LeasePool<DeviceSlot>> Gradients(LowRankGradients rule) =>
        Slots("small gradients", unit => rule.LayoutOf(unit).Gradient, weights => weights);

    private static PoolSpec<LeasePool<DeviceSlot>> Slots(string name, Func<UnitLayout, UnitLayout> layout, Func<ElementType, ElementType> type)
    {
        long Largest(TrainingPlan plan) => Math.Max(1, plan.Model.Units.Where(plan.Options.IsTrainable).Max(unit => layout(unit).ElementCount));
        return new(name, _ => Buffers, (run, count) => new(name, count, () => new DeviceSlot(run.Device.Allocate(Largest(run.Plan), type(run.Store.WeightType)))))
        {
            Memory = sizing => [new(MemoryPlace.Device, name, Buffers * Largest(sizing.Plan) * type(sizing.WeightType).ByteSize(), $"{Buffers} x {Largest(sizing.Plan)} elements")],
        };
    }
}
