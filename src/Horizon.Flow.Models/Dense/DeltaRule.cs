using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: B batch, S sequence, N chunks, C tokens of a chunk, K key heads, G value heads of each, V = K * G, D key width, E value width.

/// <summary>
/// The gated delta rule (arXiv 2412.06464, equation 10): each head has a state of D x E numbers, zero where a document begins; a token lets it decay, replaces
/// what its key finds there by a part of its value, and reads by its query. state = decay * (state - strength * key (key^T state)) + strength * key value^T,
/// where key^T state is read after the decay. In chunks (section 3.3): within one, all tokens' replacements solve one triangular system; the state goes from
/// chunk to chunk. fp32 throughout; derived by autograd, which keeps about C + D numbers a token and head of each of a few tensors, and the state of every chunk.
/// </summary>
internal static class DeltaRule
{
    /// <summary>C.</summary>
    public const int ChunkLength = 64;

    private const double Epsilon = 1e-6;

    /// <param name="query_BSKD">Queries; made unit vectors here.</param>
    /// <param name="key_BSKD">Keys; made unit vectors here.</param>
    /// <param name="value_BSVE">Values.</param>
    /// <param name="decay_BSV">The logarithm of the state's decay; at most 0.</param>
    /// <param name="strength_BSV">The part that is replaced.</param>
    /// <param name="chunks">Of the batch.</param>
    /// <returns>[B, S, V, E] fp32.</returns>
    public static Tensor Mix(Tensor query_BSKD, Tensor key_BSKD, Tensor value_BSVE, Tensor decay_BSV, Tensor strength_BSV, DeltaChunks chunks)
    {
        var (heads, width, C) = (query_BSKD.shape[2], value_BSVE.shape[3], (long)chunks.Length);
        var query = ByKeyHead(Unit(query_BSKD).Times(1 / Math.Sqrt(query_BSKD.shape[3])), heads, chunks); // [B, N, K, 1, C, D]
        var key = ByKeyHead(Unit(key_BSKD), heads, chunks);
        var value = ByKeyHead(value_BSVE.to(float32), heads, chunks); // [B, N, K, G, C, E]
        var strength = ByKeyHead(strength_BSV.to(float32).unsqueeze(-1), heads, chunks); // [B, N, K, G, C, 1]
        var decay = ByKeyHead(decay_BSV.to(float32).unsqueeze(-1), heads, chunks).cumsum(-2);
        var last = decay.narrow(-2, C - 1, 1);

        // What is left of a token when a later one comes, of the state that comes in, and of a token when the chunk ends.
        var left = (decay - decay.transpose(-1, -2)).With(double.NegativeInfinity, (x, nothing) => x.masked_fill(chunks.Hidden, nothing)).exp();
        var (fromState, toState, kept) = (decay.exp(), (last - decay).exp(), last.exp());
        if (chunks.SeesState is { } sees) (fromState, kept) = (fromState * sees, kept * sees.narrow(-2, C - 1, 1));
        if (chunks.ReachesState is { } reaches) toState *= reaches;

        // Every token's replacement less what earlier ones of its chunk have replaced; apart for values and for what keys find in the state.
        var solved = linalg.solve_triangular(
            strength * left * key.matmul(key.transpose(-1, -2)), strength * cat([value, key * fromState], -1), upper: false, unitriangular: true);
        var (news, finds) = (solved.narrow(-1, 0, width), solved.narrow(-1, width, key.shape[^1]));

        var (read, written) = Scan(news, cat([finds, query * fromState], -2), (key * toState).transpose(-1, -2), kept);
        var mixed = read.Plus((query.matmul(key.transpose(-1, -2)) * left).matmul(written)); // [B, N, K, G, C, E]
        return mixed.flatten(2, 3).transpose(2, 3).flatten(1, 2).narrow(1, 0, value_BSVE.shape[1]);
    }

    // From chunk to chunk. unbind, whose backward is one operator: a view for each chunk would have a gradient as large as the whole.
    private static (Tensor Read, Tensor Written) Scan(Tensor news, Tensor reads, Tensor writes, Tensor kept)
    {
        var C = news.shape[^2];
        var (newsOf, readsOf, writesOf, keptOf) = (news.unbind(1), reads.unbind(1), writes.unbind(1), kept.unbind(1));
        var (read, written) = (new List<Tensor>(), new List<Tensor>());
        Tensor? state = null; // [B, K, G, D, E]
        for (var chunk = 0; chunk < newsOf.Length; chunk++)
        {
            var found = state is null ? null : readsOf[chunk].matmul(state);
            var replacement = found is null ? newsOf[chunk] : newsOf[chunk] - found.narrow(-2, 0, C);
            read.Add(found is null ? zeros_like(replacement) : found.narrow(-2, C, C));
            written.Add(replacement);
            var added = writesOf[chunk].matmul(replacement);
            state = state is null ? added : (state * keptOf[chunk]).Plus(added);
        }

        return (stack(read, 1), stack(written, 1));
    }

    // [B, S, K * G, ...] as [B, N, K, G, C, ...].
    private static Tensor ByKeyHead(Tensor x, long heads, DeltaChunks chunks)
    {
        var cut = chunks.Cut(x).transpose(2, 3);
        return cut.reshape([cut.shape[0], cut.shape[1], heads, cut.shape[2] / heads, .. cut.shape[3..]]);
    }

    private static Tensor Unit(Tensor x)
    {
        var wide = x.to(float32);
        return wide * rsqrt(wide.Squared().sum(-1, keepdim: true).Plus(Epsilon));
    }
}
