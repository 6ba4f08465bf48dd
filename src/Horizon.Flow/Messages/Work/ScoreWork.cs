using Horizon.Flow.Units;
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

    /// <summary>Gives the sum of the losses. Numbers go to the host where the program's visit gives a result.</summary>
    public Computed Give(HeadScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        WriteLoss(score.LossSum);
        var numbers = NumbersOf(score.Numbers);
        var computed = Finish();
        computed.Result = numbers;
        return computed;
    }

    /// <summary>Gives the sum of the losses alone, a scalar.</summary>
    public Computed Give(Tensor lossSum) => Give(new HeadScore(lossSum));
}
