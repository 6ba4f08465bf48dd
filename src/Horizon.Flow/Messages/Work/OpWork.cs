using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>An operation that the default programs do not have, or that gives numbers to the host: any inputs, any outputs.</summary>
public sealed class OpWork : UnitWork
{
    internal OpWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>A tensor that the visit reads, by its place in <see cref="ProgramVisit.Reads"/>.</summary>
    public Tensor Input(int place = 0) => ReadTensor(place);

    /// <summary>A tape that the visit reads.</summary>
    public IUnitTape Tape(int place) => Read<IUnitTape>(place);

    /// <summary>A rented buffer that the visit reads.</summary>
    public DeviceSlot Buffer(int place) => Touch(Read<Lease<DeviceSlot>>(place).Value);

    /// <summary>A rented buffer that the visit writes, by its place in <see cref="ProgramVisit.Writes"/>.</summary>
    public DeviceSlot Target(int place) => Touch(((Lease<DeviceSlot>)Order.Rented[place]!).Value);

    /// <summary>Gives what the visit writes, in order, without the rented buffers, which it wrote into.</summary>
    public Computed Give(params ReadOnlySpan<object> values)
    {
        var computed = Finish(values!);
        foreach (var slot in Order.Rented.OfType<Lease<DeviceSlot>>()) slot.Value.Fence = computed.Done;
        return computed;
    }

    /// <summary>The same with a loss, a scalar: the sum over the labelled tokens.</summary>
    public Computed GiveLoss(Tensor lossSum, params ReadOnlySpan<object> values)
    {
        WriteLoss(lossSum);
        return Give(values);
    }

    /// <summary>Gives what a visit of the head gives: its loss, the gradient of its input, and its numbers where the visit gives a result.</summary>
    public Computed Give(HeadResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        WriteLoss(result.LossSum);
        var numbers = NumbersOf(result.Numbers);
        var computed = Give([result.InputGradient]);
        computed.Result = numbers;
        return computed;
    }

    /// <summary>Gives numbers to whoever asked for the pass (<see cref="TrainingRun.ComputeAsync"/>).</summary>
    /// <param name="numbers">Any shape, fp32 or converted to it.</param>
    /// <param name="values">What the visit writes beside.</param>
    public Computed GiveResult(Tensor numbers, params ReadOnlySpan<object> values)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        if (!Visit.Planned.GivesResult) throw new InvalidOperationException($"{Visit} gives no result in its program");
        var plain = numbers.to(float32).contiguous().DetachFromDisposeScope();
        var computed = Give(values);
        computed.Result = plain;
        return computed;
    }

    /// <summary>
    /// A buffer that the visit reads, its weights included, for work on a stream of one's own (<see cref="IComputeDevice.OpenStream"/>): other than
    /// <see cref="Buffer"/>, it does not make the computation wait. That work starts behind the slot's fence.
    /// </summary>
    public DeviceSlot SlotOf(int place) => Read<Lease<DeviceSlot>>(place).Value;

    /// <summary>A rented buffer that the visit writes, for work on a stream of one's own; see <see cref="SlotOf"/>.</summary>
    public DeviceSlot TargetSlotOf(int place) => ((Lease<DeviceSlot>)Order.Rented[place]!).Value;

    /// <summary>Where the gradient goes that the visit gives, for work on a stream of one's own; see <see cref="SlotOf"/>.</summary>
    /// <exception cref="InvalidOperationException">The visit gives none.</exception>
    public DeviceSlot GradientSlot => (Order.Gradient ?? throw new InvalidOperationException($"{Visit} gives no gradient in its program")).Value;

    /// <summary>Gives what a stream of one's own writes: everything that the visit was lent is in use until the fence is complete.</summary>
    public Computed GiveBehind(Fence done)
    {
        ArgumentNullException.ThrowIfNull(done);
        foreach (var slot in Order.Rented.OfType<Lease<DeviceSlot>>()) slot.Value.Fence = done;
        if (Order.Gradient is { } gradient) gradient.Value.Fence = done;
        return new Computed(this, [], done);
    }

    private DeviceSlot Touch(DeviceSlot slot)
    {
        CheckLane();
        Device.ComputeWaits(slot.Fence);
        return slot;
    }
}
