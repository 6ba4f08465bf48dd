using Horizon.Flow.Activations;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Messages;

/// <summary>A copy from host memory back to the device. Its body runs on a host thread and may wait.</summary>
public sealed class ReturnWork : UnitWork
{
    internal ReturnWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>Where the hidden state lies.</summary>
    public OffloadedInput Source => ((Lease<OffloadedInput>)Order.Reads[0]).Value;

    /// <summary>Where it goes.</summary>
    public ReturnedInput Place => ((Lease<ReturnedInput>)Order.Rented[0]!).Value;

    /// <summary>Gives the copy, once it is launched; <see cref="ReturnedInput.Fence"/> says when it is there.</summary>
    public Computed Give() => new(this, [], Place.Fence);
}
