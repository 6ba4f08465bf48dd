using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>The end of a training forward: loss, the head's gradients and the gradient of its input.</summary>
public sealed class HeadWork : UnitWork
{
    internal HeadWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>[batch, sequence, hidden].</summary>
    public Tensor Input => ReadTensor(0);

    /// <summary>Gives the loss and the gradient of the input; the head's own gradients lie in <see cref="UnitWork.Gradients"/> by now.</summary>
    /// <remarks>Its numbers go to the host where the program's visit gives a result.</remarks>
    public Computed Give(HeadResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        WriteLoss(result.LossSum);
        var numbers = NumbersOf(result.Numbers);
        var computed = Finish(result.InputGradient);
        computed.Result = numbers;
        return computed;
    }
}
