using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// The token embedding. Its backward needs no weights: it adds each token's gradient to the token's row and writes zeros everywhere
/// else in the unit (with a tied head also over the final norm, whose gradient comes from the head's visit).
/// </summary>
public sealed class EmbeddingTemplate : IUnitTemplate
{
    private readonly int? _paddingToken;

    /// <summary>Creates it.</summary>
    /// <param name="paddingToken">The row that lookups do not train, as torch's <c>padding_idx</c>; null for none.</param>
    public EmbeddingTemplate(int? paddingToken = null) => _paddingToken = paddingToken;

    /// <inheritdoc/>
    public bool BackwardNeedsWeights => false;

    /// <inheritdoc/>
    public bool IsEmbedding => true;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var rows = parameters[Roles.Embedding].index_select(0, batch.InputIds.flatten());
        return rows.view(batch.BatchSize, batch.SequenceLength, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch) =>
        new EmbeddingTape(parameters is null ? null : Forward(parameters, input, batch).DetachFromDisposeScope(), batch, _paddingToken);

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
