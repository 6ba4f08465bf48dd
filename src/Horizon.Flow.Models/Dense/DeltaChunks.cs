using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: B batch, S sequence, N chunks of a row, C tokens of a chunk.

/// <summary>
/// How the rows of a batch are cut into chunks, and which tokens see each other across these and across documents. Chunks begin at fixed places whatever
/// the documents are: a document that begins within one sees nothing of the state that comes in.
/// </summary>
/// <param name="batch">Where documents lie.</param>
/// <param name="length">C.</param>
internal sealed class DeltaChunks(DeviceBatch batch, int length)
{
    /// <summary>C.</summary>
    public int Length => length;

    /// <summary>N; the last chunk may reach beyond the row.</summary>
    public long Count => (batch.SequenceLength + length - 1) / length;

    /// <summary>[1 or B, 1 or N, 1, 1, C, C] bool: a pair of which the second comes later or belongs to another document.</summary>
    public Tensor Hidden => Shared("hidden", () =>
    {
        var causal = ones([length, length], ScalarType.Bool, batch.InputIds.device).tril();
        if (Starts is not { } starts) return causal.logical_not().view(1, 1, 1, 1, length, length);
        return starts.unsqueeze(-1).eq(starts.unsqueeze(-2)).logical_and(causal).logical_not().unsqueeze(2).unsqueeze(2);
    });

    /// <summary>[B, N, 1, 1, C, 1] fp32, 1 or 0: no document began since the chunk did. Null where none begins within a row.</summary>
    public Tensor? SeesState => Starts is not { } starts ? null
        : Shared("sees state", () => starts.With(0, static (x, none) => x.eq(none)).to(float32).view(starts.shape[0], Count, 1, 1, length, 1));

    /// <summary>[B, N, 1, 1, C, 1] fp32, 1 or 0: no document begins until the chunk ends. Null where none begins within a row.</summary>
    public Tensor? ReachesState => Starts is not { } starts ? null
        : Shared("reaches state", () => starts.eq(starts.narrow(-1, length - 1, 1)).to(float32).view(starts.shape[0], Count, 1, 1, length, 1));

    // [B, N, C]: documents that began since the chunk did. The first token of a row has no state before it.
    private Tensor? Starts => batch.Documents is not { } documents ? null : Shared("starts", () =>
    {
        var begins = documents.ne(documents.roll(1, 1)).to(ScalarType.Int32);
        return Cut(begins).cumsum(-1);
    });

    /// <summary>[B, S, ...] cut into [B, N, C, ...], zeros behind the row.</summary>
    public Tensor Cut(Tensor x)
    {
        var missing = (Count * length) - x.shape[1];
        var whole = missing == 0 ? x : cat([x, zeros([x.shape[0], missing, .. x.shape[2..]], x.dtype, x.device)], 1);
        return whole.reshape([x.shape[0], Count, length, .. x.shape[2..]]);
    }

    private Tensor Shared(string name, Func<Tensor> make) => batch.Shared(("delta chunks", length, name), make);
}
