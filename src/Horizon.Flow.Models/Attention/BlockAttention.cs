using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Models.Attention;

// Letters: B batch, S sequence, T all queries, R all keys, Q query heads, K key/value heads, G = Q / K, D head width; of a block n queries and r keys.

/// <summary>
/// Causal attention whose scores are computed as they are, for what no kernel of libtorch's does: a block of queries at a time, with all the keys that they see, so that a softmax is
/// whole; backward computes each block's scores again. Nothing that is kept, and no block, grows with the square of a document's length. For every device and type.
/// </summary>
internal sealed class BlockAttention : IWrittenStep
{
    /// <summary>Bytes of the scores of a block in fp32, of all heads.</summary>
    public const long BlockBytes = 128L << 20;

    private readonly Tensor _query_TQD;
    private readonly Tensor _key_RKD;
    private readonly Tensor _value_RKD;
    private readonly long[][] _shapes;
    private readonly IReadOnlyList<ScoreBlock> _blocks;
    private readonly ScoreRule _rule;
    private readonly long? _window;

    /// <param name="inputs">[B, S, Q, D] queries; [B, ..., K, D] keys and values.</param>
    /// <param name="rule">Of the scores.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <param name="keeps">Whether backward follows.</param>
    /// <param name="blockBytes">See <see cref="BlockBytes"/>.</param>
    public BlockAttention(IReadOnlyList<Tensor> inputs, ScoreRule rule, int? window, DeviceBatch batch, bool keeps, long blockBytes = BlockBytes)
    {
        (_shapes, _rule, _window) = ([.. inputs.Select(input => input.shape)], rule, window);
        (_query_TQD, _key_RKD, _value_RKD) = (Tokens(inputs[0]), Tokens(inputs[1]), Tokens(inputs[2]));
        _blocks = [.. ScoreBlock.Of(batch, window, blockBytes / sizeof(float) / inputs[0].shape[2])];
        var mixed_TQD = empty(_query_TQD.shape, _query_TQD.dtype, _query_TQD.device);
        foreach (var block in _blocks)
        {
            using var scope = NewDisposeScope();
            var (_, weights) = Weights(block);
            Copy(mixed_TQD, block, matmul(weights.to(mixed_TQD.dtype), Keys(_value_RKD, block)));
        }

        Output = mixed_TQD.view(inputs[0].shape);
        if (!keeps) return;
        foreach (var tensor in new[] { _query_TQD, _key_RKD, _value_RKD }) tensor.DetachFromDisposeScope();

        static Tensor Tokens(Tensor x_BSND) => x_BSND.detach().flatten(0, 1);
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    private long Heads => _key_RKD.shape[1];

    /// <summary>
    /// Which scores go this way: capped ones (Gemma 2), which no kernel does; and in fp32 on a CPU those that nothing divides (Gemma 4). They are large, and the exponentials of libtorch's
    /// kernels for the CPU are approximations, whose errors such a model multiplies.
    /// </summary>
    /// <param name="rule">Of the scores.</param>
    /// <param name="type">Of queries and keys.</param>
    /// <param name="onCpu">Whether they are there.</param>
    public static bool Takes(ScoreRule rule, ScalarType type, bool onCpu) => rule.Cap is not null || (onCpu && type == ScalarType.Float32 && rule.Scale == 1);

    /// <summary>Attention as a step of a unit.</summary>
    /// <param name="query_BSQD">Queries.</param>
    /// <param name="key_BSKD">Keys; K divides Q. With a recall those before the batch's tokens, too.</param>
    /// <param name="value_BSKD">Values, as wide as keys.</param>
    /// <param name="rule">Of the scores.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <param name="record">Runs it.</param>
    /// <returns>[B, S, Q, D].</returns>
    public static Tensor Mix(Tensor query_BSQD, Tensor key_BSKD, Tensor value_BSKD, ScoreRule rule, int? window, DeviceBatch batch, UnitRecord record)
    {
        Tensor[] inputs = [query_BSQD, key_BSKD, value_BSKD];
        return record.Step(inputs, keeps => new BlockAttention(inputs, rule, window, batch, keeps));
    }

    /// <summary>What a block and the sums of the keys' and values' gradients take of memory in backward.</summary>
    /// <param name="heads">Q.</param>
    /// <param name="keyNumbers">K * D.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <returns>Bytes.</returns>
    public static long WorkingBytes(long heads, long keyNumbers, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var scores = Math.Max(heads * batch.SequenceLength * sizeof(float), Math.Min(BlockBytes, heads * batch.SequenceLength * batch.SequenceLength * sizeof(float)));
        return (6 * scores) + (2 * keyNumbers * batch.WideTokenBytes);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Tensor?> Backward(Tensor outputGradient)
    {
        using var outer = NewDisposeScope();
        var given_TQD = outputGradient.flatten(0, 1);
        var dQuery_TQD = empty(_query_TQD.shape, _query_TQD.dtype, _query_TQD.device);
        var (dKey_RKD, dValue_RKD) = (zeros(_key_RKD.shape, Wide, given_TQD.device), zeros(_value_RKD.shape, Wide, given_TQD.device));
        foreach (var block in _blocks)
        {
            using var scope = NewDisposeScope();
            var (tanh, weights) = Weights(block);
            var (query, key, given) = (Queries(_query_TQD, block), Keys(_key_RKD, block), Queries(given_TQD, block));
            Add(dValue_RKD, block, matmul(weights.to(given.dtype).transpose(1, 2), given));
            var change = matmul(given, Keys(_value_RKD, block).transpose(1, 2)).to(Wide);
            using (var product = change * weights)
            using (var sum = product.sum(-1, keepdim: true)) change.AddInPlace(sum, -1.0);
            change.mul_(weights);
            weights.Dispose();
            if (tanh is not null)
            {
                // The curve's slope: 1 - tanh^2.
                using (var bent = change * tanh.mul_(tanh)) change.AddInPlace(bent, -1.0);
                tanh.Dispose();
            }

            if (_rule.Scale != 1) change.TimesInPlace(_rule.Scale);
            var narrow = change.to(query.dtype);
            Copy(dQuery_TQD, block, matmul(narrow, key));
            Add(dKey_RKD, block, matmul(narrow.transpose(1, 2), query));
        }

        return [.. new[] { dQuery_TQD, dKey_RKD, dValue_RKD }.Zip(_shapes).Select(pair => pair.First.to(given_TQD.dtype).view(pair.Second).MoveToOuterDisposeScope())];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in new[] { _query_TQD, _key_RKD, _value_RKD }) tensor.Dispose();
    }

    // Softmax, and what bounds its gradient, in fp32, or as wide as the inputs are.
    private ScalarType Wide => _query_TQD.dtype == float64 ? float64 : float32;

    // [K, G n, r] each: tanh of the scores over the cap, where there is one, and the softmax of the scores.
    private (Tensor? Tanh, Tensor Weights) Weights(ScoreBlock block)
    {
        var product = matmul(Queries(_query_TQD, block), Keys(_key_RKD, block).transpose(1, 2));
        var scores = product.to(Wide);
        if (!ReferenceEquals(scores, product)) product.Dispose();
        if (_rule.Scale != 1 || _rule.Cap is not null) scores.TimesInPlace(_rule.Scale / (_rule.Cap ?? 1));
        var tanh = _rule.Cap is null ? null : scores;
        if (_rule.Cap is { } cap) scores = scores.tanh_().Times(cap);
        using var hidden = Hidden(block);
        scores.view(-1, block.Queries, block.Keys).AddInPlace(hidden);
        var weights = softmax(scores, -1);
        scores.Dispose();
        return (tanh, weights);
    }

    // [n, r]: minus infinity where a query does not see a key. Its own is as far behind the first as there are more keys than queries.
    private Tensor Hidden(ScoreBlock block)
    {
        using var scope = NewDisposeScope();
        var key = TensorArithmetic.Range(block.Keys, device: _query_TQD.device).unsqueeze(0);
        var own = TensorArithmetic.Range(block.Queries, device: _query_TQD.device).unsqueeze(1).Plus(block.Keys - block.Queries);
        var hides = key.gt(own);
        if (_window is { } window) hides = hides.logical_or(key.le(own.Minus(window)));
        return zeros(hides.shape, Wide, hides.device).With(double.NegativeInfinity, (x, nothing) => x.masked_fill(hides, nothing)).MoveToOuterDisposeScope();
    }

    // [K, G n, D]: all query heads of a key head one after another.
    private Tensor Queries(Tensor x_TQD, ScoreBlock block) => x_TQD.narrow(0, block.FirstQuery, block.Queries).transpose(0, 1).reshape(Heads, -1, x_TQD.shape[2]);

    // [K, r, D].
    private static Tensor Keys(Tensor x_RKD, ScoreBlock block) => x_RKD.narrow(0, block.FirstKey, block.Keys).transpose(0, 1);

    private static void Copy(Tensor to_TQD, ScoreBlock block, Tensor found_KnD) =>
        to_TQD.narrow(0, block.FirstQuery, block.Queries).copy_(found_KnD.view(to_TQD.shape[1], block.Queries, -1).transpose(0, 1));

    private static void Add(Tensor to_RKD, ScoreBlock block, Tensor found_KrD) => to_RKD.narrow(0, block.FirstKey, block.Keys).AddInPlace(found_KrD.transpose(0, 1));
}
