using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: T tokens, N heads, Q query heads, K key/value heads, D head width.

/// <summary>
/// Turns the heads of a layer, and back. The tables of a batch's positions are made once for all layers; of rows that are cut into pieces (<see cref="TokenPieces"/>) for a piece at a
/// time, anew in each layer, so that they do not grow with the row.
/// </summary>
/// <param name="rotary">Makes the tables.</param>
/// <param name="batch">Positions and pieces; alive as long as this.</param>
/// <param name="type">Of the heads.</param>
internal sealed class HeadRotation(RotaryEmbedding rotary, DeviceBatch batch, ScalarType type)
{
    /// <summary>[T, 1, D] each, of all tokens; owned by the batch.</summary>
    public (Tensor Cosine, Tensor Sine) Tables => rotary.Tables(batch, type);

    private long Tokens => batch.BatchSize * batch.SequenceLength;

    /// <summary>Turns the first heads of each token in place.</summary>
    /// <param name="heads_TND">All heads.</param>
    /// <param name="count">How many of each token turn.</param>
    public void Turn(Tensor heads_TND, long count) => ForEach((first, tokens, cosine, sine) =>
        batch.Operators.Rotate(heads_TND.narrow(0, first, tokens), count, cosine, sine, backwards: false));

    /// <summary>[T, Q + 2 K, D]: the gradients of the heads side by side, queries' and keys' turned back.</summary>
    /// <param name="query_TQD">Of the queries.</param>
    /// <param name="key_TKD">Of the keys.</param>
    /// <param name="value_TKD">Of the values.</param>
    public Tensor Join(Tensor query_TQD, Tensor key_TKD, Tensor value_TKD)
    {
        if (batch.PieceTokens >= Tokens) return batch.Operators.JoinHeads(query_TQD, key_TKD, value_TKD, Tables.Cosine, Tables.Sine);
        var joined_TND = empty([Tokens, query_TQD.shape[1] + (2 * key_TKD.shape[1]), query_TQD.shape[2]], query_TQD.dtype, query_TQD.device);
        ForEach((first, tokens, cosine, sine) =>
        {
            Tensor Part(Tensor x) => x.narrow(0, first, tokens);
            Part(joined_TND).copy_(batch.Operators.JoinHeads(Part(query_TQD), Part(key_TKD), Part(value_TKD), cosine, sine));
        });
        return joined_TND;
    }

    // Calls with the first token of each piece, how many it has, and its tables.
    private void ForEach(Action<long, long, Tensor, Tensor> visit)
    {
        if (batch.PieceTokens >= Tokens)
        {
            visit(0, Tokens, Tables.Cosine, Tables.Sine);
            return;
        }

        for (long first = 0; first < Tokens; first += batch.PieceTokens)
        {
            using var scope = NewDisposeScope();
            var tokens = Math.Min(batch.PieceTokens, Tokens - first);
            var (cosine, sine) = rotary.Tables(batch, type, first, tokens);
            visit(first, tokens, cosine, sine);
        }
    }
}
