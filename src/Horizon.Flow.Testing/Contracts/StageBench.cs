using System.Collections.Concurrent;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Testing;

/// <summary>
/// A small model with its store, a <see cref="ClockedDevice"/> and pools, and the messages that stages meet in a run: for a stage that is tested alone. All
/// belong to one step of one micro-batch unless told otherwise.
/// </summary>
public sealed class StageBench : IDisposable
{
    private const int Buffers = 64;

    private readonly StepProgram _program;
    private readonly ConcurrentDictionary<long, StepInfo> _steps = [];

    /// <summary>Makes all of it.</summary>
    /// <param name="training">The model; a small tied one by default.</param>
    public StageBench(TrainingCase? training = null)
    {
        Training = (training ?? TrainingCase.Small) with { MicroBatches = 1 };
        Plan = Training.Plan();
        Store = Training.CreateStore(Plan);
        Device = new ClockedDevice();
        Workers = new HostWorkers(1);
        _program = Plan.CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, 1));
        var largest = Plan.Model.Units.Max(unit => unit.ElementCount);
        Slots = new LeasePool<DeviceSlot>("device buffers", Buffers, () => new DeviceSlot(Device.Allocate(largest, Store.WeightType)));
        LossCells = new LeasePool<LossCell>("loss cells", Buffers, () => new LossCell(Device));
        Slabs = SlabPool.Shared("slabs", Device, Buffers, largest * sizeof(float), Plan.Model.Units.Count);
    }

    /// <summary>What would be trained.</summary>
    public TrainingCase Training { get; }

    /// <summary>Its default plan.</summary>
    public TrainingPlan Plan { get; }

    /// <summary>Its parameters.</summary>
    public ParameterStore Store { get; }

    /// <summary>The device.</summary>
    public ClockedDevice Device { get; }

    /// <summary>Threads for sweeps.</summary>
    public HostWorkers Workers { get; }

    /// <summary>Device buffers, each large enough for any unit.</summary>
    public LeasePool<DeviceSlot> Slots { get; }

    /// <summary>Host buffers for gradients, each large enough for any unit in fp32.</summary>
    public SlabPool Slabs { get; }

    /// <summary>Losses on their way to the host.</summary>
    public LeasePool<LossCell> LossCells { get; }

    /// <summary>All of these, as <see cref="StageContractOptions{TIn}.Pools"/>.</summary>
    public IReadOnlyList<ILeasePool> Pools => [Slots, Slabs, LossCells];

    /// <summary>The last visit of the default program that gives the unit's gradient.</summary>
    public UnitVisit Visit(int unit, long step = 1) => new(Info(step), _program.Visits.Last(visit => visit.Unit == unit && visit.GivesGradient), Plan.Model.Units[unit]);

    /// <summary>A step; the same object for the same number.</summary>
    public StepInfo Info(long step = 1) => _steps.GetOrAdd(step, number => new(number, StepPurpose.Train, 1e-3, Training.Batches().First(), _program));

    /// <summary>Its loss: 1 for each labelled token.</summary>
    public StepLosses Losses(long step = 1) => new(Info(step), [Info(step).LabelledTokens]);

    /// <summary>A request for a unit.</summary>
    public LoadRequest Load(int unit, long version = 0) => new(Visit(unit), version);

    /// <summary>A unit of the store.</summary>
    public HostUnit HostUnit(int unit) => new(Visit(unit), Store.Units[unit].Weights);

    /// <summary>A unit on the device, its upload under way.</summary>
    public DeviceUnit DeviceUnit(int unit)
    {
        var (slot, weights) = (Rent(), Store.Units[unit].Weights);
        slot.Value.Fence = Device.Upload(weights, weights.ByteLength, slot.Value.Buffer, slot.Value.Fence);
        return new DeviceUnit(Visit(unit), slot);
    }

    /// <summary>A unit's gradient on the device.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="values">Of each element; the element's index by default.</param>
    /// <param name="step">The step.</param>
    public DeviceGradient DeviceGradient(int unit, Func<int, float>? values = null, long step = 1)
    {
        var (slot, visit) = (Rent(), Visit(unit, step));
        slot.Value.Fence = OnLane(() =>
        {
            Device.ComputeWaits(slot.Value.Fence);
            slot.Value.ViewsOf(visit.Layout).Flat.copy_(TorchSharp.torch.tensor(Values(visit, values)));
        });
        return new DeviceGradient(visit, slot);
    }

    /// <summary>A unit's gradient in host memory, fp32, with its sum of squares and a verdict that lets it pass as it is.</summary>
    /// <inheritdoc cref="DeviceGradient"/>
    public HostGradient HostGradient(int unit, Func<int, float>? values = null, long step = 1)
    {
        var visit = Visit(unit, step);
        var slab = Slabs.RentAsync(unit).AsTask().GetAwaiter().GetResult();
        var made = Values(visit, values);
        made.CopyTo(slab.Value.Span<float>(0, made.Length));
        return new HostGradient(visit, slab, ElementType.Float32).WithSumOfSquares(made.Sum(value => (double)value * value)).WithVerdict(Verdict(step));
    }

    /// <summary>The loss of a step on the device.</summary>
    public DeviceLoss DeviceLoss(float sum = 1, long step = 1)
    {
        var cell = LossCells.TryRent(out var lease) ? lease : throw new InvalidOperationException($"all {Buffers} loss cells are out; give back what messages hold");
        return new DeviceLoss(Visit(Plan.Model.Head.Unit, step), cell, OnLane(() => cell.Value.OnDevice.Flat.copy_(TorchSharp.torch.tensor(sum))));
    }

    /// <summary>Numbers on the device that somebody asked for.</summary>
    public DeviceResult DeviceResult(params float[] numbers)
    {
        TorchSharp.torch.Tensor made = null!;
        var ready = OnLane(() => made = TorchSharp.torch.tensor(numbers).DetachFromDisposeScope());
        return new DeviceResult(Visit(Plan.Model.Head.Unit), made, ready);
    }

    /// <summary>A unit whose update is done.</summary>
    public UnitUpdated Updated(int unit, long step = 1) => new(Visit(unit, step), 1, Verdict(step));

    /// <inheritdoc/>
    public void Dispose()
    {
        Slots.Dispose();
        LossCells.Dispose();
        Slabs.Dispose();
        Workers.Dispose();
        Device.Dispose();
        Store.Dispose();
    }

    private static float[] Values(UnitVisit visit, Func<int, float>? values) =>
        [.. Enumerable.Range(0, (int)visit.Layout.ElementCount).Select(values ?? (index => index))];

    private Fence OnLane(Action compute) => Device.Lane.RunAsync(() =>
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        compute();
        return Device.RecordCompute();
    }).GetAwaiter().GetResult();

    private StepVerdict Verdict(long step) => new(Losses(step), 1, null);

    private Lease<DeviceSlot> Rent() => Slots.TryRent(out var lease) ? lease
        : throw new InvalidOperationException($"all {Buffers} device buffers are out; give back what messages hold");
}
