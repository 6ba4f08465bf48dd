using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: B batch, S sequence, N chunks, C tokens of a chunk, K key heads, G value heads of each, V = K * G, D key width, E value width.

/// <summary>
/// The gated delta rule (arXiv 2412.06464, equation 10): each head has a state of D x E numbers, zero where a document begins; a token lets it decay, replaces
/// what its key finds there by a part of its value, and reads by its query. state = decay * (state - strength * key (key^T state)) + strength * key value^T,
/// where key^T state is read after the decay. In chunks (section 3.3): within one, all tokens' replacements solve one triangular system; the state goes from
/// chunk to chunk. fp32 throughout. The backward is written out: it solves the transposed system, whose solution <c>adjoint</c> stands to the replacements as
/// their gradient, and goes from the last chunk to the first; kept are inputs, replacements and the state of every chunk.
/// </summary>
internal sealed class DeltaRule : IWrittenStep
{
    /// <summary>C.</summary>
    public const int ChunkLength = 64;

    private const double Epsilon = 1e-6;

    // Of what is kept: [B, N, K, 1, C, D] queries and keys, [B, N, K, G, C, E] values, [B, N, K, G, C, 1] strengths and sums of decays' logarithms.
    private readonly Tensor _query, _key, _value, _strength, _decay;
    private readonly Tensor _written, _states; // [B, N, K, G, C, E], [B, N, K, G, D, E]
    private readonly DeltaChunks _chunks;
    private readonly long _sequence;

    private DeltaRule(Tensor[] inputs, DeltaChunks chunks, bool keeps)
    {
        (_chunks, _sequence) = (chunks, inputs[0].shape[1]);
        using var scope = NewDisposeScope();
        var heads = inputs[0].shape[2];
        (_query, _key, _value) = (ByKeyHead(inputs[0], heads), ByKeyHead(inputs[1], heads), ByKeyHead(inputs[2], heads));
        (_decay, _strength) = (ByKeyHead(inputs[3].unsqueeze(-1), heads).cumsum(-2), ByKeyHead(inputs[4].unsqueeze(-1), heads));
        var (left, from, to, kept) = Decays();

        // Every token's replacement less what earlier ones of its chunk have replaced; apart for values and for what keys find in the state.
        var solved = linalg.solve_triangular(System(left), _strength * cat([_value, _key * from], -1), upper: false, unitriangular: true);
        (_written, _states, var read) = Scan(solved.narrow(-1, 0, _value.shape[^1]), solved.narrow(-1, _value.shape[^1], _key.shape[^1]), _query * from, (_key * to).transpose(-1, -2), kept);
        Output = Rows(read.Plus(Scores(left).matmul(_written)), _value.shape[3]).MoveToOuterDisposeScope();
        if (!keeps) return;
        foreach (var tensor in Kept) tensor.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    private Tensor[] Kept => [_query, _key, _value, _strength, _decay, _written, _states];

    /// <param name="query_BSKD">Queries; made unit vectors here.</param>
    /// <param name="key_BSKD">Keys; made unit vectors here.</param>
    /// <param name="value_BSVE">Values.</param>
    /// <param name="decay_BSV">The logarithm of the state's decay; at most 0.</param>
    /// <param name="strength_BSV">The part that is replaced.</param>
    /// <param name="chunks">Of the batch.</param>
    /// <param name="record">Runs it.</param>
    /// <returns>[B, S, V, E] fp32.</returns>
    public static Tensor Mix(Tensor query_BSKD, Tensor key_BSKD, Tensor value_BSVE, Tensor decay_BSV, Tensor strength_BSV, DeltaChunks chunks, UnitRecord record)
    {
        Tensor[] inputs =
        [
            Unit(query_BSKD).Times(1 / Math.Sqrt(query_BSKD.shape[3])), Unit(key_BSKD), value_BSVE.to(float32), decay_BSV.to(float32), strength_BSV.to(float32),
        ];
        return record.Step(inputs, keeps => new DeltaRule(inputs, chunks, keeps));
    }

    /// <inheritdoc/>
    public IReadOnlyList<Tensor?> Backward(Tensor outputGradient)
    {
        using var scope = NewDisposeScope();
        var (C, D) = ((long)_chunks.Length, _key.shape[^1]);
        var (left, from, to, kept) = Decays();
        var given = ByKeyHead(outputGradient, _key.shape[2]);
        var system = System(left);
        var (adjoint, next) = ScanBack(
            linalg.solve_triangular(system.transpose(-1, -2), cat([Scores(left).transpose(-1, -2).matmul(given), _key * to], -1), upper: true, unitriangular: true),
            (_query * from).transpose(-1, -2).matmul(given), (_key * (_strength * from)).transpose(-1, -2), kept);

        // Through the state that comes in and the one that leaves.
        var (byQuery, byKey, byWritten) = (given.matmul(_states.transpose(-1, -2)), adjoint.matmul(_states.transpose(-1, -2)).negative(), _written.matmul(next.transpose(-1, -2)));
        // Through the scores and the system's matrix, between tokens of the chunk.
        var scores = given.matmul(_written.transpose(-1, -2)) * left;
        var systems = (adjoint.matmul(_written.transpose(-1, -2)).negative() * left).tril(-1);
        var (ofQueries, ofKeys) = (_query.matmul(_key.transpose(-1, -2)), _key.matmul(_key.transpose(-1, -2)));
        var pairs = systems * _strength;
        var query = (from * byQuery).Plus(scores.matmul(_key));
        var key = (to * byWritten).Plus(_strength * from * byKey).Plus(scores.transpose(-1, -2).matmul(_query)).Plus(pairs.Plus(pairs.transpose(-1, -2)).matmul(_key));

        static Tensor Dots(Tensor x, Tensor y) => (x * y).sum(-1, keepdim: true);
        var found = from * Dots(byKey, _key);
        var strength = found.Plus(Dots(systems, ofKeys)).Plus(Dots(adjoint, _value));
        var ends = to * Dots(byWritten, _key);
        var shares = (scores * ofQueries).Plus(pairs * ofKeys);
        var decay = (from * Dots(byQuery, _query)).Plus(_strength * found).Plus(shares.sum(-1, keepdim: true)) - shares.sum(-2, keepdim: true).transpose(-1, -2) - ends;
        var last = ends.sum(-2, keepdim: true).Plus(kept * Dots(next, _states).sum(-2, keepdim: true));
        // A decay's logarithm is in the sums of all tokens from its own on.
        var decays = decay.flip(-2).cumsum(-2).flip(-2).Plus(last);
        return
        [
            .. new[]
            {
                Rows(query.sum(3, keepdim: true), 1), Rows(key.sum(3, keepdim: true), 1), Rows(_strength * adjoint, _value.shape[3]),
                Rows(decays, _value.shape[3]).squeeze(-1), Rows(strength, _value.shape[3]).squeeze(-1),
            }.Select(gradient => gradient.MoveToOuterDisposeScope()),
        ];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in Kept) tensor.Dispose();
    }

    // What is left of a token when a later one comes [B, N, K, G, C, C], of the state that comes in, and of a token when the chunk ends [.., C, 1]; what is left of that state when the chunk ends.
    private (Tensor Left, Tensor From, Tensor To, Tensor Kept) Decays()
    {
        var C = (long)_chunks.Length;
        var last = _decay.narrow(-2, C - 1, 1);
        var left = (_decay - _decay.transpose(-1, -2)).With(double.NegativeInfinity, (x, nothing) => x.masked_fill(_chunks.Hidden, nothing)).exp();
        var (from, to, kept) = (_decay.exp(), (last - _decay).exp(), last.exp());
        if (_chunks.SeesState is { } sees) (from, kept) = (from * sees, kept * sees.narrow(-2, C - 1, 1));
        if (_chunks.ReachesState is { } reaches) to *= reaches;
        return (left, from, to, kept);
    }

    // Only what is below the diagonal counts; the diagonal is one.
    private Tensor System(Tensor left) => _strength * left * _key.matmul(_key.transpose(-1, -2));

    private Tensor Scores(Tensor left) => _query.matmul(_key.transpose(-1, -2)) * left;

    // From chunk to chunk.
    private static (Tensor Written, Tensor States, Tensor Read) Scan(Tensor news, Tensor finds, Tensor reads, Tensor writes, Tensor kept)
    {
        var (written, states, read) = (new List<Tensor>(), new List<Tensor>(), new List<Tensor>());
        var state = zeros_like(writes.select(1, 0).matmul(news.select(1, 0))); // [B, K, G, D, E]
        for (var chunk = 0; chunk < news.shape[1]; chunk++)
        {
            var replacement = news.select(1, chunk) - finds.select(1, chunk).matmul(state);
            states.Add(state);
            written.Add(replacement);
            read.Add(reads.select(1, chunk).matmul(state));
            state = (state * kept.select(1, chunk)).Plus(writes.select(1, chunk).matmul(replacement));
        }

        return (stack(written, 1), stack(states, 1), stack(read, 1));
    }

    // From the last chunk to the first: adjoints, and the gradient of the state that leaves each chunk. solved: [.., C, E + D].
    private (Tensor Adjoint, Tensor Next) ScanBack(Tensor solved, Tensor reads, Tensor finds, Tensor kept)
    {
        var (news, byState) = (solved.narrow(-1, 0, _value.shape[^1]), solved.narrow(-1, _value.shape[^1], _key.shape[^1]));
        var (adjoints, next) = (new List<Tensor>(), new List<Tensor>());
        var gradient = zeros_like(_states.select(1, 0));
        for (var chunk = (int)news.shape[1] - 1; chunk >= 0; chunk--)
        {
            var adjoint = news.select(1, chunk).Plus(byState.select(1, chunk).matmul(gradient));
            adjoints.Add(adjoint);
            next.Add(gradient);
            gradient = (gradient * kept.select(1, chunk)).Plus(reads.select(1, chunk)) - finds.select(1, chunk).matmul(adjoint);
        }

        adjoints.Reverse();
        next.Reverse();
        return (stack(adjoints, 1), stack(next, 1));
    }

    // [B, S, K * G, ...] as [B, N, K, G, C, ...].
    private Tensor ByKeyHead(Tensor x, long heads)
    {
        var cut = _chunks.Cut(x).transpose(2, 3);
        return cut.reshape([cut.shape[0], cut.shape[1], heads, cut.shape[2] / heads, .. cut.shape[3..]]);
    }

    // And back.
    private Tensor Rows(Tensor x, long group) => x.reshape([x.shape[0], x.shape[1], x.shape[2] * group, .. x.shape[4..]]).transpose(2, 3).flatten(1, 2).narrow(1, 0, _sequence);

    private static Tensor Unit(Tensor x)
    {
        var wide = x.to(float32);
        return wide * rsqrt(wide.Squared().sum(-1, keepdim: true).Plus(Epsilon));
    }
}
