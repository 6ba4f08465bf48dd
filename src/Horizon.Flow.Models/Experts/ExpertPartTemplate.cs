using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: B batch, S sequence, T tokens, H hidden, W width of what is carried, n rows of the part.

/// <summary>
/// A part of a layer's experts as a unit of its own: adds what its experts give to the sum that the layer left (<see cref="RoutedTokens"/>). The last part gives the layer's output. It computes with
/// its own rows alone, and in a micro-batch without any not at all.
/// </summary>
/// <param name="config">The layer's experts.</param>
/// <param name="hidden">H.</param>
/// <param name="activation">f of the experts.</param>
/// <param name="loads">Of the model's layers.</param>
/// <param name="layer">The layer's number.</param>
/// <param name="part">The part's number.</param>
/// <param name="adapter">Adapters; null for none.</param>
internal sealed class ExpertPartTemplate(ExpertConfig config, long hidden, Activation activation, PartLoads loads, int layer, int part, AdapterConfig? adapter) : IUnitTemplate
{
    private readonly ExpertProducts _products = new(config with { Count = config.CountOfPart, PerToken = 1, Parts = 1 }, activation, adapter);
    private readonly RoutedTokens _routed = new(hidden, config.PerToken);

    /// <inheritdoc/>
    public bool BackwardNeedsWeights => true;

    /// <inheritdoc/>
    public bool IsEmbedding => false;

    /// <inheritdoc/>
    public bool IsPart => true;

    /// <inheritdoc/>
    public int LongestRecall => int.MaxValue;

    private bool IsLast => part == config.Parts - 1;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (rows, packed_TW, type) = (RowsOf(input, batch), Flat(input), parameters.Flat.dtype);
        var results_nH = rows.Count == 0 ? null : new ExpertRowsTemplate(_products, rows.ExpertsOf(packed_TW)).Forward(parameters, rows.InputOf(packed_TW, type), batch);
        return Sum(input, rows, results_nH, type).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (rows, packed_TW, type) = (RowsOf(input, batch), Flat(input), parameters.Flat.dtype);
        var tape = rows.Count == 0 ? null : new ExpertRowsTemplate(_products, rows.ExpertsOf(packed_TW)).Recompute(parameters, rows.InputOf(packed_TW, type), batch);
        rows.Keep();
        return new ExpertPartTape(this, input, rows, tape, type);
    }

    /// <inheritdoc/>
    /// <value>An estimate (<see cref="ExpertMemory"/>).</value>
    public long TapeBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return ExpertMemory.KeptBytes(config, hidden, batch, config.Parts) + (6 * RowBytes(batch));
    }

    /// <inheritdoc/>
    /// <value>An estimate: with what is carried, which the tape refers to.</value>
    public long KeptTapeBytes(UnitLayout unit, BatchShape batch) => TapeBytes(unit, batch) + (_routed.Width * batch.WideTokenBytes);

    /// <inheritdoc/>
    /// <value>An estimate: beside what the experts need, what is carried and its gradient, before and after.</value>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        return (2 * _routed.Width * batch.WideTokenBytes) + ExpertMemory.WorkingBytes(config, hidden, batch, config.Parts) + ExpertMemory.GradientBytes(unit, batch) + (2 * hidden * RowBytes(batch));
    }

    /// <inheritdoc/>
    public double ForwardOperations(UnitLayout unit, double context)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return unit.Parameters.Where(slot => slot.Shape.Count > 1).Sum(slot => 2.0 * slot.Count) * config.PerToken / config.Count;
    }

    /// <inheritdoc/>
    public double NumbersBetween(UnitLayout unit, int hidden) => (ForwardOperations(unit, 0) / (2.0 * hidden)) + ExpertMemory.NumbersBetween(config, hidden, config.Parts);

    /// <summary>What the part gives, in the caller's dispose scope.</summary>
    /// <param name="input">[B, S, W].</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="results_nH">What their experts give; null where there are none.</param>
    /// <param name="type">Of the layers.</param>
    internal Tensor Sum(Tensor input, PartRows rows, Tensor? results_nH, ScalarType type)
    {
        var packed_TW = Flat(input);
        // A layer's output is the sum alone, in the layers' own type.
        var sum = IsLast ? _routed.SumOf(packed_TW).clone() : packed_TW.clone();
        if (results_nH is not null) rows.AddTo(IsLast ? sum : _routed.SumOf(sum), results_nH * rows.WeightsOf(packed_TW));
        return sum.to(type: IsLast ? type : float32).view(input.shape[0], input.shape[1], -1);
    }

    /// <summary>The gradient of the part's input, in the caller's dispose scope.</summary>
    /// <param name="outputGradient">[B, S, W], or [B, S, H] of the last part.</param>
    /// <param name="input">[B, S, W].</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="tape">Of their results; null where there are none.</param>
    /// <param name="gradients">Of the part's parameters; null where it is frozen.</param>
    internal Tensor Differentiate(Tensor outputGradient, Tensor input, PartRows rows, IUnitTape? tape, ParameterViews? gradients)
    {
        var gradient_TW = IsLast ? nn.functional.pad(Flat(outputGradient).to(float32), [0, _routed.Width - hidden]) : Flat(outputGradient).clone();
        if (tape is not null)
        {
            var dTerms_nH = rows.OfTokens(_routed.SumOf(gradient_TW));
            rows.PutWeights(gradient_TW, (dTerms_nH * tape.Output).sum([-1L]));
            var dResults_nH = (dTerms_nH * rows.WeightsOf(Flat(input))).to(tape.Output.dtype);
            rows.AddTo(_routed.InputOf(gradient_TW), tape.Backward(dResults_nH, gradients)!);
        }

        return gradient_TW.view(outputGradient.shape[0], outputGradient.shape[1], -1);
    }

    private static Tensor Flat(Tensor x) => x.flatten(0, 1);

    private PartRows RowsOf(Tensor input, DeviceBatch batch) => new(_routed, Flat(input), config, part, count => loads.Of(layer, batch, count));

    // fp32, of each row of the part.
    private long RowBytes(BatchShape batch) => batch.WideTokenBytes * config.PerToken / config.Parts;
}
