using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>A copy of a hidden state to host memory.</summary>
public sealed class OffloadWork : UnitWork
{
    internal OffloadWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>[batch, sequence, hidden].</summary>
    public Tensor Input => ReadTensor(0);

    /// <summary>Where it goes.</summary>
    public OffloadedInput Place => ((Lease<OffloadedInput>)Order.Rented[0]!).Value;

    /// <summary>Gives the copy; complete when the fence is.</summary>
    public Computed Give(Fence copied)
    {
        ArgumentNullException.ThrowIfNull(copied);
        return new Computed(this, [], copied);
    }
}
