using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>Forward through a unit, with nothing kept for backward.</summary>
public sealed class ForwardWork : UnitWork
{
    internal ForwardWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>[batch, sequence, hidden]; null for an embedding.</summary>
    public Tensor? Input => FirstTensor;

    /// <summary>Gives the output, [batch, sequence, hidden].</summary>
    public Computed Give(Tensor output) => Finish(output);
}
