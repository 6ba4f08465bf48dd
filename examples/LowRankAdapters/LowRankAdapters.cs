using Horizon.Flow;
using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Examples;

/// <summary>
/// Low-rank adapters (LoRA, Hu et al., arXiv 2106.09685): each chosen matrix W becomes W + s B A with s = alpha / rank, and A and B alone
/// are trained. They take the place of the optimizer's state of their unit: so the store keeps them, versions guard them, checkpoints
/// carry them, and the unit's own weights are never written. Gradients of A and B are all that comes down from the device, so clipping
/// and accumulation see them alone.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="precision">The store's.</param>
/// <param name="rank">Rows of A and columns of B.</param>
/// <param name="alpha">The adapters' weight, times the rank.</param>
/// <param name="roles">The matrices, by their names within a unit. Units without any stay frozen.</param>
/// <param name="optimizer">Updates the adapters.</param>
public sealed class LowRankAdapters(
    ModelDefinition model, StorePrecision precision, int rank, double alpha, IReadOnlyList<string> roles, IHostOptimizer optimizer) : IHostOptimizer
{
    private readonly Dictionary<UnitLayout, UnitLayout> _layouts = model.Units
        .Where(unit => unit.Parameters.Any(slot => roles.Contains(slot.Role)))
        .ToDictionary(unit => unit, unit => AdapterLayout.Of(unit, rank, roles));

    /// <summary>The rank.</summary>
    public int Rank => rank;

    /// <summary>The adapters' weight, times the rank.</summary>
    public double Alpha => alpha;

    /// <summary>What B A is multiplied by.</summary>
    public double Scale => alpha / rank;

    /// <summary>The matrices that have adapters, by their names within a unit.</summary>
    public IReadOnlyList<string> Roles => roles;

    /// <inheritdoc/>
    public string Name => $"{optimizer.Name} on adapters";

    /// <summary>The plan that trains the adapters and nothing else.</summary>
    // <snippet>
    public TrainingPlan Plan(TrainingOptions options) => TrainingPlan
        .For(model, options with { Optimizer = this, GradientLayout = LayoutOf, IsTrainable = _layouts.ContainsKey })
        .At(Stages.Upload).InsertAfter("merge adapters", Merge)
        .At(Stages.Backward).InsertAfter("project on adapters", Project);

    private StageBlock<DeviceUnit, DeviceUnit> Merge(TrainingContext run, StageOptions stage)
    {
        var slots = run.Register(Slots(run, "adapters to merge"));
        return new(stage, async (unit, call) =>
        {
            if (unit.Weights is null || !_layouts.ContainsKey(unit.Visit.Layout)) return unit;
            using var adapters = await UploadAsync(run, slots, unit.Visit, call).ConfigureAwait(false);
            await Compute(run, call, [unit.Weights, adapters], () =>
            {
                foreach (var (role, a, b) in Pairs(adapters.Value, unit.Visit)) unit.Parameters![role].addmm_(b, a, beta: 1, alpha: (float)Scale);
            }).ConfigureAwait(false);
            return unit;
        });
    }

    private StageBlock<DeviceGradient, DeviceGradient> Project(TrainingContext run, StageOptions stage)
    {
        var (slots, gradients) = (run.Register(Slots(run, "adapters to project on")), run.Register(Slots(run, "adapter gradients")));
        return new(stage, async (dense, call) =>
        {
            using var whole = dense.Gradient; // of the unit's own weights: it never leaves the device
            using var adapters = await UploadAsync(run, slots, dense.Visit, call).ConfigureAwait(false);
            var small = await call.WaitFor(gradients.RentAsync(call.Cancellation)).ConfigureAwait(false);
            await Compute(run, call, [whole, adapters, small], () =>
            {
                foreach (var ((role, a, b), (_, gradientOfA, gradientOfB)) in Pairs(adapters.Value, dense.Visit).Zip(Pairs(small.Value, dense.Visit)))
                {
                    gradientOfA.copy_(b.t().mm(dense.Views[role]).mul_(Scale));
                    gradientOfB.copy_(dense.Views[role].mm(a.t()).mul_(Scale));
                }
            }).ConfigureAwait(false);
            return new DeviceGradient(dense.Visit, small, LayoutOf(dense.Visit.Layout));
        });
    }
    // </snippet>

    /// <summary>The layout of a unit's adapters.</summary>
    public UnitLayout LayoutOf(UnitLayout unit) => _layouts[unit];

    /// <summary>The units of a store that have adapters, with these as a unit of their own over the same memory.</summary>
    public IEnumerable<(UnitState Unit, UnitState Adapters)> Of(ParameterStore store) =>
        store.Units.Where(unit => _layouts.ContainsKey(unit.Layout)).Select(unit => (unit, Adapters(unit)));

    /// <inheritdoc/>
    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        var adapters = LayoutOf(layout);
        OptimizerBuffer[] weights = precision == StorePrecision.Fp32
            ? [new("adapters", adapters.ElementCount * sizeof(float))]
            : [new("adapters", adapters.ElementCount * sizeof(ushort)), new("adapter_differences", adapters.ElementCount * sizeof(short))];
        return [.. weights, .. optimizer.DescribeState(adapters)];
    }

    /// <inheritdoc/>
    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers) =>
        optimizer.Update(Adapters(unit), gradient, step, workers);

    /// <summary>Draws A uniformly from ±1/√columns, as PEFT does, and leaves B zero: the first step starts from the model as it is.</summary>
    public void Initialize(ParameterStore store, int seed)
    {
        var random = new Random(seed);
        foreach (var (_, adapters) in Of(store))
        {
            foreach (var slot in adapters.Layout.Parameters.Where(slot => slot.Role.EndsWith(AdapterLayout.A, StringComparison.Ordinal)))
            {
                var bound = 1 / Math.Sqrt(slot.Shape[1]);
                adapters.WriteMasters(slot.Offset, [.. Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(bound * ((2 * random.NextDouble()) - 1)))]);
            }
        }
    }

    private UnitState Adapters(UnitState unit) => precision == StorePrecision.Fp32
        ? new(LayoutOf(unit.Layout), unit.OptimizerState[0], null, [.. unit.OptimizerState.Skip(1)])
        : new(LayoutOf(unit.Layout), unit.OptimizerState[0], unit.OptimizerState[1], [.. unit.OptimizerState.Skip(2)]);

    private LeasePool<DeviceSlot> Slots(TrainingContext run, string name) =>
        new(name, 2, () => new DeviceSlot(run.Device.Allocate(_layouts.Values.Max(layout => layout.ElementCount), run.Store.WeightType)));

    private async ValueTask<Lease<DeviceSlot>> UploadAsync(TrainingContext run, LeasePool<DeviceSlot> slots, UnitVisit visit, StageCall call)
    {
        var lease = await call.WaitFor(slots.RentAsync(call.Cancellation)).ConfigureAwait(false);
        var (slot, weights) = (lease.Value, run.Store.Units[visit.Unit].OptimizerState[0]);
        slot.Fence = run.Device.Upload(weights, weights.ByteLength, slot.Buffer, slot.Fence);
        return lease;
    }

    // On the lane: behind the last work on every buffer, and before the next.
    private static Task Compute(TrainingContext run, StageCall call, Lease<DeviceSlot>[] buffers, Action body) => run.Device.Lane.RunAsync(
        () =>
        {
            foreach (var buffer in buffers) run.Device.ComputeWaits(buffer.Value.Fence);
            body();
            var done = run.Device.RecordCompute();
            foreach (var buffer in buffers) buffer.Value.Fence = done;
        },
        call.Cancellation);

    private IEnumerable<(string Role, TorchSharp.torch.Tensor A, TorchSharp.torch.Tensor B)> Pairs(DeviceSlot slot, UnitVisit visit)
    {
        var views = slot.ViewsOf(LayoutOf(visit.Layout));
        return visit.Layout.Parameters.Where(parameter => roles.Contains(parameter.Role))
            .Select(parameter => (parameter.Role, views[parameter.Role + AdapterLayout.A], views[parameter.Role + AdapterLayout.B]));
    }
}
