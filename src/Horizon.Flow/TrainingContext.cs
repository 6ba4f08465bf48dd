using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>What every stage of a training graph may use: the store, one device, and the pools of one run. A user's stages get the same.</summary>
public sealed class TrainingContext : IDisposable
{
    private readonly Dictionary<string, ILeasePool> _pools = [];

    internal TrainingContext(TrainingPlan plan, ParameterStore store, IComputeDevice device)
    {
        Model = plan.Model;
        Options = plan.Options;
        Store = store;
        Device = device;
        Schedule = new VisitSchedule(plan.Model, plan.Options, store.IsTrainable);
        Workers = new HostWorkers(plan.Options.HostThreads);
        var largest = plan.Model.Units.Max(unit => unit.ElementCount);
        var gradients = plan.Model.Units.Select((unit, i) => store.IsTrainable(i) ? plan.Options.GradientLayout(unit).ElementCount : (long?)null).ToList();
        var type = store.WeightType;
        var pipeline = plan.Options.Pipeline;
        Weights = Register(new LeasePool<DeviceSlot>(PoolNames.DeviceWeights, pipeline.DeviceBuffers, () => new DeviceSlot(device.Allocate(largest, type))));
        Gradients = Register(new LeasePool<DeviceSlot>(PoolNames.DeviceGradients, pipeline.GradientBuffers, () => new DeviceSlot(device.Allocate(largest, type))));
        Admissions = Register(new LeasePool<object>(PoolNames.Admissions, 1, () => new object()));
        if (Schedule.MovedInputs > 0)
        {
            MovedInputs = Register(new LeasePool<MovedInput>(PoolNames.MovedInputs, Schedule.MovedInputs, () => new MovedInput(device)));
            ReturnedInputs = Register(new LeasePool<ReturnedInput>(PoolNames.ReturnedInputs, pipeline.ReturnBuffers, () => new ReturnedInput(device)));
        }

        Losses = Register(new LeasePool<LossCell>(PoolNames.Losses, 4, () => new LossCell(device)));
        if (device.SumsSquares && plan.GathersAsDownloaded)
            Squares = Register(new LeasePool<SquareParts>(PoolNames.Squares, 1, () => new SquareParts(device)));
        Slabs = Register(plan.SlabPerUnit
            ? SlabPool.PerUnit(PoolNames.Slabs, device, [.. gradients.Select(count => count * type.ByteSize())])
            : SlabPool.Shared(PoolNames.Slabs, device, pipeline.GradientSlabs, (gradients.Max() ?? 0) * type.ByteSize(), plan.Model.Units.Count));
        Accumulators = Register(SlabPool.PerUnit(PoolNames.Accumulators, device, [.. gradients.Select((count, i) => plan.Accumulates(i) ? count * sizeof(float) : null)]));
    }

    /// <summary>The model.</summary>
    public ModelDefinition Model { get; }

    /// <summary>How it is trained.</summary>
    public TrainingOptions Options { get; }

    /// <summary>The only home of parameters and optimizer state.</summary>
    public ParameterStore Store { get; }

    /// <summary>Where the run computes.</summary>
    public IComputeDevice Device { get; }

    /// <summary>The order of visits.</summary>
    public VisitSchedule Schedule { get; }

    /// <summary>Threads for sweeps over host memory.</summary>
    public HostWorkers Workers { get; }

    /// <summary>Device buffers for weights, each large enough for any unit.</summary>
    public LeasePool<DeviceSlot> Weights { get; }

    /// <summary>Device buffers for gradients, each large enough for any unit.</summary>
    public LeasePool<DeviceSlot> Gradients { get; }

    /// <summary>
    /// The right to hold a micro-batch's activations on the device. One: on one stream of operators a second would save no time, take its
    /// memory again, and mix the order in which gradients are summed.
    /// </summary>
    public LeasePool<object> Admissions { get; }

    /// <summary>Host buffers for inputs that moved out, one for each of a micro-batch; null where none does.</summary>
    public LeasePool<MovedInput>? MovedInputs { get; }

    /// <summary>Device buffers for inputs that come back; null where none does.</summary>
    public LeasePool<ReturnedInput>? ReturnedInputs { get; }

    /// <summary>Losses on their way to the host.</summary>
    public LeasePool<LossCell> Losses { get; }

    /// <summary>Sums of squares on their way to the host; null where gather takes them there.</summary>
    public LeasePool<SquareParts>? Squares { get; }

    /// <summary>Host buffers that gradients come down into.</summary>
    public SlabPool Slabs { get; }

    /// <summary>fp32 accumulators of units that get several gradients a step.</summary>
    public SlabPool Accumulators { get; }

    /// <summary>Units that the optimizer updates.</summary>
    public int TrainedUnits => Enumerable.Range(0, Model.Units.Count).Count(Store.IsTrainable);

    /// <summary>Bytes in use on the device; where it computes in host memory, those of the device buffers.</summary>
    public long DeviceBytes => Device.MemoryBytes is { } all && Device.FreeMemoryBytes is { } free
        ? all - free
        : (Weights.Capacity + (long)Gradients.Capacity) * Model.Units.Max(unit => unit.ElementCount) * Store.WeightType.ByteSize();

    /// <summary>Is told of each unit that reached its new version; the run's own book-keeping. A commit stage of your own must call it.</summary>
    public Action<UnitVisit> OnCommitted { get; internal set; } = _ => { };

    /// <summary>Every pool of the run.</summary>
    public IReadOnlyCollection<ILeasePool> Pools => _pools.Values;

    /// <summary>Adds a pool of a stage's own: it is reclaimed and disposed with the run.</summary>
    public TPool Register<TPool>(TPool pool)
        where TPool : ILeasePool
    {
        _pools.Add(pool.Name, pool);
        return pool;
    }

    /// <summary>How many gradients of its unit the step of this one gives.</summary>
    public int ExpectedGradients(HostGradient gradient)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        return Schedule.GradientsPerMicroBatch(gradient.Visit.Unit) * gradient.Visit.Step.MicroBatchCount;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pool in _pools.Values) pool.Dispose();
        Workers.Dispose();
    }
}
