using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>The end of an evaluation's forward: the loss.</summary>
public sealed class ScoreWork : UnitWork
{
    internal ScoreWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>[batch, sequence, hidden].</summary>
    public Tensor Input => ReadTensor(0);

    /// <summary>Gives the sum of the losses, a scalar.</summary>
    public Computed Give(Tensor lossSum)
    {
        WriteLoss(lossSum);
        return Finish();
    }
}
