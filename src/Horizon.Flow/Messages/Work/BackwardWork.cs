using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>Backward through a unit.</summary>
public sealed class BackwardWork : UnitWork
{
    internal BackwardWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>What the unit's forward kept, bound to its weights.</summary>
    public IUnitTape Tape
    {
        get
        {
            var tape = Read<IUnitTape>(0);
            // Whether the tape was made with these weights or is bound to them now: backward waits for their upload.
            var parameters = Parameters;
            var values = Visit.Step.Program.Values;
            if (Visit.Planned.Weights is { } weights && !values[Visit.Planned.Reads[0]].Holds.Contains(weights)) tape.Bind(parameters);
            return tape;
        }
    }

    /// <summary>[batch, sequence, hidden]: the gradient of the unit's output.</summary>
    public Tensor OutputGradient => ReadTensor(1);

    /// <summary>Gives the gradient of the input, null for an embedding; dropped where no unit below is trained.</summary>
    /// <param name="inputGradient">[batch, sequence, hidden].</param>
    /// <param name="nonzero">What of the unit's own gradients may be other than zero (<see cref="IUnitTape.NonzeroOf"/>); null for all.</param>
    public Computed Give(Tensor? inputGradient, IReadOnlyList<GradientRange>? nonzero = null)
    {
        var isRead = Visit.Planned.Writes.Any(id => id != Visit.Planned.GradientTo);
        if (!isRead) inputGradient?.Dispose();
        var computed = isRead ? Finish(inputGradient) : Finish();
        computed.Nonzero = nonzero;
        return computed;
    }
}
