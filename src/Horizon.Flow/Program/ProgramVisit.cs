using System.Collections.Immutable;
using Horizon.Flow.Units;

namespace Horizon.Flow.Program;

/// <summary>One thing to do in a step: an operation on a unit, with the values it reads and writes.</summary>
public sealed record ProgramVisit
{
    /// <summary>Its place in <see cref="StepProgram.Visits"/>.</summary>
    public required int Index { get; init; }

    /// <summary>What is done, see <see cref="Ops"/>: the name of the stage that does it.</summary>
    public required string Op { get; init; }

    /// <summary>Index into the model's units.</summary>
    public required int Unit { get; init; }

    /// <summary>Index into <see cref="ModelDefinition.Hidden"/>; its count for the head.</summary>
    public required int Layer { get; init; }

    /// <summary>Which model and store: 0 is the one that is trained (<see cref="TrainingPlan.WithModel"/> adds others).</summary>
    public int Store { get; init; }

    /// <summary>Which micro-batch of the step.</summary>
    public int MicroBatch { get; init; }

    /// <summary>The unit's weights on the device; null where none are needed.</summary>
    public int? Weights { get; init; }

    /// <summary>Whether the weights are uploaded for this visit: it is their first reader.</summary>
    public bool Loads { get; init; }

    /// <summary>Values read, without the weights.</summary>
    public ImmutableArray<int> Reads { get; init; } = [];

    /// <summary>Values written.</summary>
    public ImmutableArray<int> Writes { get; init; } = [];

    /// <summary>Values that nobody needs after this visit.</summary>
    public ImmutableArray<int> Frees { get; init; } = [];

    /// <summary>Whether it gives a gradient of the unit's parameters, which goes down to the host.</summary>
    public bool GivesGradient { get; init; }

    /// <summary>
    /// The rented value among <see cref="Writes"/> that takes its gradient of the unit's parameters and stays on the device, for a later visit to give: a sum over
    /// ranks, say. Null where it has none, or gives it itself.
    /// </summary>
    public int? GradientTo { get; init; }

    /// <summary>Whether it gives a loss.</summary>
    public bool GivesLoss { get; init; }

    /// <summary>Whether it gives numbers to the host (logits, say), see <see cref="TrainingRun.ComputeAsync"/>.</summary>
    public bool GivesResult { get; init; }
}
