using Horizon.Flow.Activations;
using Horizon.Flow.Checks;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>
/// Everything that one visit needs, lent by join: weights, inputs, the batch, where gradients go. A body computes and gives; it owns nothing and
/// has nothing to return. It runs on the device's compute lane, where its temporaries are disposed when it ends.
/// </summary>
/// <remarks>
/// The getters make the computation wait for a buffer's fence where the body first touches it; what a body gives is taken out of the lane's
/// dispose scope, and the fence behind it is recorded. Off the lane both throw.
/// </remarks>
public abstract class UnitWork : UnitMessage
{
    private ParameterViews? _parameters;
    private ParameterViews? _gradients;
    private bool _isMarked;

    private protected UnitWork(WorkOrder order)
        : base(order.Visit) => Order = order;

    /// <summary>Where it computes.</summary>
    public IComputeDevice Device => Order.Device;

    /// <summary>The model of the visit's store.</summary>
    public ModelDefinition Model => Order.Model;

    /// <summary>The micro-batch on the device.</summary>
    public DeviceBatch Batch => Order.Batch;

    /// <summary>What the sum of losses is multiplied by; 0 for a batch that only keeps others company.</summary>
    public double LossScale => Batch.IsSpare ? 0 : Visit.Step.LossScale;

    /// <summary>The operators of the visit's layer.</summary>
    /// <exception cref="InvalidOperationException">The visit is the head's.</exception>
    public IUnitTemplate Template => Visit.Layer < Model.Hidden.Count ? Model.Hidden[Visit.Layer].Template
        : throw new InvalidOperationException($"{Visit} is the head's and has no layer; use {nameof(Head)}");

    /// <summary>The operators of the head.</summary>
    public IHeadTemplate Head => Model.Head.Template;

    /// <summary>The unit's weights; null where the visit needs none.</summary>
    public ParameterViews? Parameters => _parameters ??= Bound(Views(Order.Weights, Visit.Layout));

    /// <summary>Where the gradients of the unit's trained parameters go, every element of them; null where the visit gives none.</summary>
    public ParameterViews? Gradients => _gradients ??= Marked(Views(Order.Gradient, Visit.Layout.Trained));

    /// <inheritdoc/>
    public override string ToString() => Visit.ToString();

    /// <summary>The order that it came with; join's own.</summary>
    internal WorkOrder Order { get; }

    /// <summary>A value that the visit reads, by its place among them.</summary>
    private protected T Read<T>(int place)
        where T : class
    {
        CheckLane();
        return (Order.Reads[place] as T)
            ?? throw new InvalidOperationException($"{Visit} reads {Visit.Step.Program.Values[Visit.Planned.Reads[place]].Name}, which is no {typeof(T).Name}");
    }

    /// <summary>What the body computes with in the place of the weights in their buffer.</summary>
    private protected virtual ParameterViews? Bound(ParameterViews? weights) => weights;

    /// <summary>A tensor that the visit reads.</summary>
    private protected Tensor ReadTensor(int place) => Read<object>(place) switch
    {
        Tensor tensor => tensor,
        Lease<ReturnedInput> returned => returned.Value.Open(),
        var other => throw new InvalidOperationException($"{Visit} reads {Visit.Step.Program.Values[Visit.Planned.Reads[place]].Name}, which is no tensor but {other.GetType().Name}"),
    };

    /// <summary>The hidden state that the visit reads first; null for an embedding.</summary>
    private protected Tensor? FirstTensor => Visit.Planned.Reads.Length == 0 ? null : ReadTensor(0);

    /// <summary>Hands the values over to join, behind everything launched so far.</summary>
    private protected Computed Finish(params ReadOnlySpan<object?> values)
    {
        CheckLane();
        foreach (var value in values) (value as Tensor)?.DetachFromDisposeScope();
        if (Order.Gradient is not null && _gradients is null)
            throw new InvalidOperationException($"{Visit} gives a gradient in its program, but nothing was written to {nameof(Gradients)}");
        if (_isMarked) WrittenGradients.Require(Visit.Layout.Name, _gradients!, Visit.Layer < Model.Hidden.Count ? Template : Head);
        var done = Device.RecordCompute();
        if (Order.Gradient is { } gradient) gradient.Value.Fence = done;
        return new Computed(this, [.. values], done);
    }

    /// <summary>Writes the loss where it goes down from.</summary>
    private protected void WriteLoss(Tensor sum)
    {
        ArgumentNullException.ThrowIfNull(sum);
        CheckLane();
        var cell = Order.Loss ?? throw new InvalidOperationException($"{Visit} gives no loss in its program");
        using var detached = sum.detach();
        if (Batch.IsSpare) cell.Value.OnDevice.Flat.zero_();
        else cell.Value.OnDevice.Flat.copy_(detached);
    }

    /// <summary>The numbers that the visit gives to the host; null where its program asks for none.</summary>
    private protected Tensor? NumbersOf(Tensor? numbers)
    {
        if (!Visit.Planned.GivesResult) return null;
        if (numbers is null) throw new InvalidOperationException($"{Visit} gives a result in its program, but its head gave no numbers");
        return (Batch.IsSpare ? zeros_like(numbers, float32) : numbers.to(float32).contiguous()).DetachFromDisposeScope();
    }

    private ParameterViews? Views(Lease<DeviceSlot>? lease, UnitLayout layout)
    {
        CheckLane();
        if (lease is null) return null;
        Device.ComputeWaits(lease.Value.Fence);
        return lease.Value.ViewsOf(layout);
    }

    private ParameterViews? Marked(ParameterViews? gradients)
    {
        _isMarked = Order.Written.Mark(Visit.Layout.Name, gradients);
        return gradients;
    }

    private protected void CheckLane()
    {
        if (!Device.Lane.IsCurrent)
            throw new InvalidOperationException($"{Visit} computes outside the device's compute lane; make its block with stage.ToDataflow(), which brings the lane, and compute before any await");
    }
}
