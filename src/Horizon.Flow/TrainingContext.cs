using Horizon.Flow.Accounting;
using Horizon.Flow.Blocks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow;

/// <summary>What every stage of a training graph may use: the stores, one device, and the pools of one run. A user's stages get the same.</summary>
public sealed class TrainingContext : IDisposable
{
    private readonly Dictionary<string, ILeasePool> _pools = [];

    internal TrainingContext(TrainingPlan plan, IReadOnlyList<ParameterStore> stores, IComputeDevice device, TimeProvider time)
    {
        Plan = plan;
        Stores = stores;
        Device = device;
        Workers = new HostWorkers(plan.Options.HostThreads);
        Ledger = new StepLedger(plan.Model, () => DeviceBytes, time);
        if (plan.WeightsFirst is { Count: > 0 } units) Late = new LateState(Store, plan.Options.Optimizer, Workers, units);
        foreach (var spec in plan.Pools.Where(spec => spec.CapacityIn(plan) > 0)) Register(spec.Make(this));
    }

    /// <summary>What the run was started from.</summary>
    public TrainingPlan Plan { get; }

    /// <summary>The model that is trained.</summary>
    public ModelDefinition Model => Plan.Model;

    /// <summary>How it is trained.</summary>
    public TrainingOptions Options => Plan.Options;

    /// <summary>The only home of parameters and optimizer state.</summary>
    public ParameterStore Store => Stores[0];

    /// <summary>The stores that programs name, by their numbers: the trained one, then those of <see cref="TrainingPlan.WithModel"/>.</summary>
    public IReadOnlyList<ParameterStore> Stores { get; }

    /// <summary>Where the run computes.</summary>
    public IComputeDevice Device { get; }

    /// <summary>Threads for sweeps over host memory.</summary>
    public HostWorkers Workers { get; }

    /// <summary>Optimizer state that follows its weights; null where the plan updates both in one sweep.</summary>
    public LateState? Late { get; }

    /// <summary>Keeps the books of the steps under way.</summary>
    public StepLedger Ledger { get; }

    /// <summary>Bytes in use on the device; where it computes in host memory, those of the device buffers.</summary>
    public long DeviceBytes => Device.MemoryBytes is { } all && Device.FreeMemoryBytes is { } free
        ? all - free
        : BufferElements(new PoolSizing(Plan, Store.WeightType)) * Store.WeightType.ByteSize();

    /// <summary>Every pool of the run.</summary>
    public IReadOnlyCollection<ILeasePool> Pools => _pools.Values;

    /// <summary>Where the device sums the squares of what goes down; null where it cannot, or where a stage before accumulate may still change it.</summary>
    public LeasePool<SquareParts>? SquaresOnDevice =>
        Device.SumsSquares && Plan.Graph.ComesUnchanged(Stages.Download.Name, Stages.Accumulate.Name) ? Pool(Horizon.Flow.Resources.Pools.Squares) : null;

    /// <summary>What programs keep for later ones.</summary>
    public KeptValues Kept { get; } = new();

    /// <summary>The pool that a stage declared in its traits.</summary>
    /// <exception cref="InvalidOperationException">No stage of the plan declares it.</exception>
    public TPool Pool<TPool>(PoolSpec<TPool> spec)
        where TPool : ILeasePool
    {
        ArgumentNullException.ThrowIfNull(spec);
        return (TPool)Pool(spec.Name);
    }

    /// <summary>The pool of that name.</summary>
    /// <exception cref="InvalidOperationException">No stage of the plan declares it, or the plan needs none.</exception>
    public ILeasePool Pool(string name) => _pools.GetValueOrDefault(name)
        ?? throw new InvalidOperationException($"the run has no pool '{name}'; declare it in the traits of the stage that rents from it");

    /// <summary>Adds a pool that no stage declares: it is reclaimed and disposed with the run, but no budget knows of it.</summary>
    public TPool Register<TPool>(TPool pool)
        where TPool : ILeasePool
    {
        _pools.Add(pool.Name, pool);
        return pool;
    }

    /// <summary>What a stage that sums squares needs where a stage between two may change gradients on their way; null where none does.</summary>
    public HostWorkers? WorkersIfChanged(string from, string to) => Plan.Graph.ComesUnchanged(from, to) ? null : Workers;

    /// <summary>
    /// Computes on device buffers, on the lane: behind the last work on each, and before the next. For stages that change weights or
    /// gradients on the device.
    /// </summary>
    /// <param name="touched">The buffers that are read or written.</param>
    /// <param name="body">Launches the operators.</param>
    /// <exception cref="InvalidOperationException">The caller is not on the device's lane.</exception>
    public void Compute(IReadOnlyList<DeviceSlot> touched, Action body)
    {
        ArgumentNullException.ThrowIfNull(touched);
        ArgumentNullException.ThrowIfNull(body);
        if (!Device.Lane.IsCurrent) throw new InvalidOperationException($"operators are launched on the device's compute lane alone; let the stage run on '{DefaultGraph.ComputeLane}', or use {nameof(ComputeAsync)}");
        foreach (var slot in touched) Device.ComputeWaits(slot.Fence);
        body();
        var done = Device.RecordCompute();
        foreach (var slot in touched) slot.Fence = done;
    }

    /// <summary>The same from another thread: for stages that wait for something first.</summary>
    public Task ComputeAsync(IReadOnlyList<DeviceSlot> touched, Action body, CancellationToken cancellation = default) =>
        Device.Lane.RunAsync(() => Compute(touched, body), cancellation);

    private long BufferElements(PoolSizing sizing) =>
        (Options.Pipeline.DeviceBuffers * sizing.LargestUnit) + (Options.Pipeline.GradientBuffers * sizing.LargestGradient);

    /// <summary>What surrounds each update of this run: it looks at gradients once more where a stage behind clip may change them.</summary>
    public UpdateGuard Guard() => new(Store, WorkersIfChanged(Stages.Clip.Name, Stages.Update.Name));

    /// <inheritdoc/>
    public void Dispose()
    {
        Kept.Dispose();
        Late?.Dispose();
        foreach (var pool in _pools.Values) pool.Dispose();
        Workers.Dispose();
    }
}
