using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>Forward through a unit, keeping what backward needs.</summary>
public sealed class RecomputeWork : UnitWork
{
    internal RecomputeWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>[batch, sequence, hidden]; null for an embedding.</summary>
    public Tensor? Input => FirstTensor;

    /// <summary>Gives the tape, and with it the output where the program asks for that too.</summary>
    public Computed Give(IUnitTape tape)
    {
        ArgumentNullException.ThrowIfNull(tape);
        var writes = Visit.Planned.Writes;
        if (writes.Length < 2) return Finish(tape);
        return Finish(tape, Visit.Step.Program.Values[writes[1]].PartOf is null ? tape.TakeOutput() : tape.Output);
    }
}
