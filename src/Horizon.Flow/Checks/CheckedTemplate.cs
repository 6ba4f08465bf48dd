using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Checks;

/// <summary>Another template's operators, with every result looked at.</summary>
internal sealed class CheckedTemplate(IUnitTemplate inner, FiniteNumbers numbers) : IUnitTemplate
{
    /// <inheritdoc/>
    public bool BackwardNeedsWeights => inner.BackwardNeedsWeights;

    /// <inheritdoc/>
    public bool IsEmbedding => inner.IsEmbedding;

    /// <inheritdoc/>
    public bool CanBindTapes => inner.CanBindTapes;

    /// <inheritdoc/>
    public bool CanNarrowTapes => inner.CanNarrowTapes;

    /// <inheritdoc/>
    public int LongestRecall => inner.LongestRecall;

    /// <inheritdoc/>
    public bool IsPart => inner.IsPart;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch) =>
        numbers.Checked(inner.Forward(parameters, input, batch), "the output", "forward", batch, parameters);

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        var tape = new CheckedTape(inner.Recompute(parameters, input, batch), numbers, batch);
        try
        {
            // Recorded for backward: once more, or at once where the tape is kept. Without weights nothing was computed.
            if (parameters is not null) numbers.Check(tape.Output, "the output", "recorded forward", batch, parameters);
            return tape;
        }
        catch
        {
            tape.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public long TapeBytes(UnitLayout unit, BatchShape batch) => inner.TapeBytes(unit, batch);

    /// <inheritdoc/>
    public long KeptTapeBytes(UnitLayout unit, BatchShape batch) => inner.KeptTapeBytes(unit, batch);

    /// <inheritdoc/>
    public long NarrowTapeBytes(UnitLayout unit, BatchShape batch) => inner.NarrowTapeBytes(unit, batch);

    /// <inheritdoc/>
    public double NarrowOperations(UnitLayout unit) => inner.NarrowOperations(unit);

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);

    /// <inheritdoc/>
    public long ForwardBytes(UnitLayout unit, BatchShape batch) => inner.ForwardBytes(unit, batch);

    /// <inheritdoc/>
    public long ResumedTapeBytes(UnitLayout unit, BatchShape batch) => inner.ResumedTapeBytes(unit, batch);

    /// <inheritdoc/>
    public long LargestTensorBytes(UnitLayout unit, BatchShape batch) => inner.LargestTensorBytes(unit, batch);

    /// <inheritdoc/>
    public bool MultipliesInFp8 => inner.MultipliesInFp8;

    /// <inheritdoc/>
    public double NumbersBetween(UnitLayout unit, int hidden) => inner.NumbersBetween(unit, hidden);

    /// <inheritdoc/>
    public double ForwardOperations(UnitLayout unit, double context) => inner.ForwardOperations(unit, context);
}
