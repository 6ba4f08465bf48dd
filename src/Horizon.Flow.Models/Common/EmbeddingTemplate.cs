using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// The token embedding, with learned positions added where the unit has them. Its backward needs no weights: it adds each token's gradient to the token's row and writes zeros everywhere
/// else in the unit (with a tied head also over the final norm, whose gradient comes from the head's visit).
/// </summary>
public sealed class EmbeddingTemplate : IUnitTemplate
{
    private readonly int? _paddingToken;
    private readonly double _scale = 1;

    /// <summary>Creates it.</summary>
    /// <param name="paddingToken">The row that lookups do not train, as torch's <c>padding_idx</c>; null for none.</param>
    public EmbeddingTemplate(int? paddingToken = null) => _paddingToken = paddingToken;

    /// <param name="paddingToken">The row that lookups do not train; null for none.</param>
    /// <param name="scale">What each row is multiplied by, rounded to the type of the table as transformers does.</param>
    internal EmbeddingTemplate(int? paddingToken, double scale)
        : this(paddingToken) => _scale = scale;

    /// <inheritdoc/>
    public bool BackwardNeedsWeights => false;

    /// <inheritdoc/>
    public bool IsEmbedding => true;

    /// <inheritdoc/>
    public int LongestRecall => int.MaxValue;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var rows = parameters[Roles.Embedding].index_select(0, batch.InputIds.flatten());
        if (_scale != 1) rows = rows.Times(ScaleIn(rows.dtype));
        if (parameters.Contains(Roles.Positions)) rows = rows.Plus(parameters[Roles.Positions].index_select(0, batch.Positions.flatten()));
        return rows.view(batch.BatchSize, batch.SequenceLength, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch) =>
        new EmbeddingTape(parameters is null ? null : Forward(parameters, input, batch).DetachFromDisposeScope(), batch, _paddingToken, ScaleIn);

    private double ScaleIn(ScalarType type) => Rounded(_scale, type);

    /// <summary>A scale as transformers has it: a tensor of the table's type.</summary>
    internal static double Rounded(double scale, ScalarType type) => type == bfloat16 ? (double)ToBFloat16((float)scale) : scale;

    // To nearest, ties to even.
    private static float ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }

    /// <inheritdoc/>
    public long TapeBytes(UnitLayout unit, BatchShape batch) => 0;

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var table = unit.Parameters.First(slot => slot.Role == Roles.Embedding).Shape;
        // The gradient that comes in; in backward its rows, their sums, and these once more for each place, in fp32 and in its own type.
        return (table[1] * ((2 * batch.TokenBytes) + (3 * batch.WideTokenBytes))) + (table[0] * sizeof(long));
    }
}
