using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>Forward through a unit, keeping what backward needs.</summary>
public sealed class RecomputeWork : UnitWork
{
    private Tensor? _copy;

    internal RecomputeWork(WorkOrder order)
        : base(order)
    {
    }

    /// <summary>[batch, sequence, hidden]; null for an embedding.</summary>
    public Tensor? Input => FirstTensor;

    private bool GivesOutput => Visit.Planned.Writes.Length > 1;

    // The buffer of the weights is lent to other units before the tape's backward.
    private bool IsKept => GivesOutput && Visit.Step.Program.Values[Visit.Planned.Writes[1]].PartOf is null;

    /// <summary>Gives the tape, and with it the output where the program asks for that too.</summary>
    public Computed Give(IUnitTape tape)
    {
        ArgumentNullException.ThrowIfNull(tape);
        if (!GivesOutput) return Finish(tape);
        if (!IsKept) return Finish(tape, tape.Output);
        if (_copy is null)
        {
            var output = tape.TakeOutput();
            if (Visit.Step.Program.Values[Visit.Planned.Writes[0]].IsNarrow) tape.Narrow();
            return Finish(tape, output);
        }

        return Finish(new OwnWeightsTape(tape, Parameters!, _copy.DetachFromDisposeScope()), tape.Output.detach());
    }

    private protected override ParameterViews? Bound(ParameterViews? weights)
    {
        if (weights is null || !IsKept || Template.CanBindTapes) return weights;
        _copy = weights.Flat.clone();
        return new ParameterViews(_copy, weights.Layout);
    }
}
