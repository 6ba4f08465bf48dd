using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>
/// One visit of one unit by one micro-batch: the plan for what happens to it, made before anything runs. Visits enter the graph in the
/// order in which they are computed.
/// </summary>
public sealed class UnitVisit
{
    /// <summary>The step it belongs to.</summary>
    public required StepScope Step { get; init; }

    /// <summary>The micro-batch it works on.</summary>
    public required MicroBatchScope MicroBatch { get; init; }

    /// <summary>Index into <see cref="ModelDefinition.Units"/>.</summary>
    public required int Unit { get; init; }

    /// <summary>The unit's layout.</summary>
    public required UnitLayout Layout { get; init; }

    /// <summary>Why it is visited.</summary>
    public required UnitPass Pass { get; init; }

    /// <summary>Index into <see cref="ModelDefinition.Hidden"/>; its count for the head.</summary>
    public required int Layer { get; init; }

    /// <summary>Its place in the micro-batch's order of computation: forward, head or recompute.</summary>
    public required int Turn { get; init; }

    /// <summary>The place of its backward; -1 where it has none.</summary>
    public int BackwardTurn { get; init; } = -1;

    /// <summary>Whether the unit goes up to the device.</summary>
    public bool NeedsWeights { get; init; } = true;

    /// <summary>Whether the visit gives a gradient of the unit's parameters.</summary>
    public bool GivesGradient { get; init; }

    /// <summary>Forward: whether the unit's input is kept, for backward or for recomputation.</summary>
    public bool KeepsInput { get; init; }

    /// <summary>Forward: whether what backward needs is kept. Backward: whether it was, and nothing is recomputed.</summary>
    public bool KeepsTape { get; init; }

    /// <summary>Forward: whether the kept input moves out to host memory. Backward: whether it has to come back first.</summary>
    public bool MovesInput { get; init; }

    /// <summary>Backward: whether it is the first unit of its recomputed segment, whose input was kept by the forward pass.</summary>
    public bool BeginsSegment { get; init; } = true;

    /// <summary>Backward: whether it is the last unit of its recomputed segment, whose backward comes first.</summary>
    public bool EndsSegment { get; init; } = true;

    /// <summary>Whether the micro-batch begins with this visit.</summary>
    public bool OpensMicroBatch { get; init; }

    /// <summary>Whether the micro-batch needs nothing on the device after this visit.</summary>
    public bool ClosesMicroBatch { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Pass} of '{Layout.Name}', step {Step.Number}, {Step.NameOf(MicroBatch.Index)}";
}
