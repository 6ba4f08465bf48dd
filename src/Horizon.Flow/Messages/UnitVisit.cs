using Horizon.Flow.Host.Store;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Messages;

/// <summary>A visit of a program, in one step.</summary>
public sealed class UnitVisit
{
    /// <summary>Creates it.</summary>
    /// <param name="step">The step.</param>
    /// <param name="planned">The visit as the program has it.</param>
    /// <param name="layout">The unit's layout.</param>
    public UnitVisit(StepInfo step, ProgramVisit planned, UnitLayout layout)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(planned);
        ArgumentNullException.ThrowIfNull(layout);
        (Step, Planned, Layout) = (step, planned, layout);
    }

    /// <summary>The step it belongs to.</summary>
    public StepInfo Step { get; }

    /// <summary>The visit as the program has it.</summary>
    public ProgramVisit Planned { get; }

    /// <summary>The unit's layout.</summary>
    public UnitLayout Layout { get; }

    /// <summary>What is done, see <see cref="Ops"/>.</summary>
    public string Op => Planned.Op;

    /// <summary>Index into <see cref="ModelDefinition.Units"/>.</summary>
    public int Unit => Planned.Unit;

    /// <summary>Index into <see cref="ModelDefinition.Hidden"/>; its count for the head.</summary>
    public int Layer => Planned.Layer;

    /// <summary>Which micro-batch of the step, from 0.</summary>
    public int MicroBatch => Planned.MicroBatch;

    /// <inheritdoc/>
    public override string ToString() => $"{Op} of '{Layout.Name}', step {Step.Number}, {Step.NameOf(MicroBatch)}";
}
