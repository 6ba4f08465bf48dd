using Horizon.Flow.Models.Attention;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Common;

// Letters: H hidden, F feed-forward width, Q query heads, D head width, C = Q * D, numbers of the batch's type for each token.

/// <summary>What a <see cref="DecoderLayerTemplate"/> takes of a device, in bytes: of its tape, and of the work beside it.</summary>
internal sealed class DecoderLayerMemory
{
    // Of the H100 and H200, that were measured: into how many parts the ordered backward of few long rows cuts its sums.
    private const int Multiprocessors = 132;

    private readonly ModelConfig _config;
    private readonly BatchShape _batch;
    private readonly long _seen;
    private readonly bool _flash;
    private readonly bool _ordered;
    private readonly Fp8Options? _fp8;

    public DecoderLayerMemory(ModelConfig config, int? slidingWindow, BatchShape batch, Fp8Options? fp8 = null)
    {
        ArgumentNullException.ThrowIfNull(batch);
        (_config, _batch, _fp8, _seen) = (config, batch, fp8, Math.Min(slidingWindow ?? long.MaxValue, batch.SequenceLength));
        _flash = batch.FusedOperators && config.HeadDimension is <= 256 and var width && width % 8 == 0;
        // Where the device has the queries' gradients of whole rows in one order, and rows are known to be whole, nothing is summed in parts.
        var whole = !batch.Packed && (batch.MostTokens is null || batch.WholeRows) && batch.SequenceLength % 64 == 0 && _seen == batch.SequenceLength;
        _ordered = _flash && batch.Deterministic && !(whole && batch.RowAttention?.Takes(config.HeadDimension, TorchSharp.torch.ScalarType.BFloat16) == true);
    }

    /// <summary>What backward needs, beside the input.</summary>
    public long Tape => _fp8 is not null ? Light(_batch.Tokens, norms: 0) + Narrow(_batch.Tokens, 2 * F) + Eighths((2 * H) + C) : Most(tokens => Light(tokens, norms: 2), tokens => Light(tokens, norms: 2) + Narrow(tokens, 2 * F));

    /// <summary>The same without both norms' outputs, which are made again; in fp8 with gate and up in that, where they are held so.</summary>
    public long KeptTape => Holds ? Light(_batch.Tokens, norms: 0) + Blocks(2 * F) : Most(tokens => Light(tokens, norms: 0), tokens => Light(tokens, norms: 0) + Narrow(tokens, 2 * F));

    /// <summary>What a kept tape has at most in its backward: all again, but gate and up where they are held in fp8.</summary>
    public long ResumedTape => Holds ? KeptTape + Eighths((2 * H) + C) : Tape;

    /// <summary>What forward needs beside: in fp8 the gate's output, and gate and up as they will be held.</summary>
    public long Forward => Holds ? Rest(_batch.Tokens, _batch.Tokens) + Narrow(_batch.Tokens, (2 * H) + F) + Blocks(2 * F) + (2 * F * H) : Working;

    /// <summary>The same without the outputs of gate and up.</summary>
    public long NarrowTape => Light(_batch.Tokens, norms: 0);

    /// <summary>The output's gradient and temporaries.</summary>
    public long Working => _fp8 is not null ? Fp8Working : Most(
        tokens => Rest(tokens, Math.Min(_batch.PieceTokens, tokens)) + Math.Max(Narrow(tokens, 2 * H) + Pieces, Attention(tokens) + PieceOfHeads),
        // Once the feed-forward's tensors are gone, attention's backward has their place.
        tokens => Rest(tokens, tokens) + Math.Max(_batch.OnProcessor ? Eager(tokens) : Narrow(tokens, (2 * H) + F), OrderedSums(tokens) + Math.Max(0, Attention(tokens) - OrderedSums(tokens) - Narrow(tokens, 2 * F))));

    /// <summary>The largest tensor that needs a block of its own: of the output of gate or up where rows are not cut about half, the rest of which has found a place (measured), or the sums of attention's backward.</summary>
    public long LargestTensor => _batch.UncutTokens == 0 ? Narrow(_batch.PieceTokens, F)
        : Math.Max(Narrow(_batch.UncutTokens, F) / 2, _flash ? Math.Max(OrderedSums(_batch.Tokens), Wide(_batch.Tokens, C)) : 0);

    // Of the feed-forward's backward the gradient of the gate's output, what it gave, and the gradients of gate and up in fp8, twice; of attention's the gradient of
    // all heads. One weight at a time; and blocks that the allocator cannot give again to an operand of another size: up to four of the feed-forward's width, and none
    // where tapes are held in fp8, measured on an H100. Of the emulation its numbers in fp32.
    private long Fp8Working => Rest(_batch.Tokens, _batch.Tokens)
        + Math.Max(
            Narrow(_batch.Tokens, (2 * H) + F) + Eighths((2 * H) + (5 * F)),
            Attention(_batch.Tokens) - Narrow(_batch.Tokens, 2 * F) + Eighths(2 * Math.Max(H, HeadsOf(1, 2) * D)))
        + Eighths(Holds ? 0 : 4 * F)
        + (2 * F * H)
        + (_batch.FusedOperators ? 0 : Wide(_batch.Tokens, 4 * F) + (8 * F * H));

    private bool Holds => _fp8?.Holds(F) == true;

    private long H => _config.HiddenSize;

    private long F => _config.IntermediateSize;

    private long D => _config.HeadDimension;

    private long C => _config.HeadCount * D;

    // Flash reads the key/value heads as they are, and cuDNN does too.
    private long Repeated => _config.HeadCount == _config.KeyValueHeadCount || _flash ? 0 : 2 * C;

    // Documents one by one, or windows: what each gives stays beside all of it.
    private bool IsByDocument => _batch.OnProcessor && (_batch.Packed || _seen < _batch.SequenceLength);

    private long Rows => Math.Max(1, (_batch.Tokens + _batch.SequenceLength - 1) / Math.Max(1, _batch.SequenceLength));

    // Gate, up and the gate's output of a piece, and what sums the weight gradients of several: in fp32, and one product beside.
    private long Pieces => (3 * F * Math.Min(_batch.PieceTokens, _batch.Tokens) * Size) + (3 * F * H * sizeof(float)) + (2 * F * H * Size);

    private long Size => _batch.Type.ByteSize();

    // Rows that are cut, or the longest that are not, whichever take more: the data may have either.
    private long Most(Func<long, long> cut, Func<long, long> uncut) => _batch.UncutTokens == _batch.Tokens ? uncut(_batch.Tokens)
        : _batch.UncutTokens == 0 ? cut(_batch.Tokens) : Math.Max(cut(_batch.Tokens), uncut(_batch.UncutTokens));

    // The norms' outputs and the residual between; the heads, queries and keys before their norms, the mixed values. In fp32: the norms' inverses, and the
    // logarithm of each softmax's sum.
    private long Light(long tokens, int norms) =>
        Narrow(tokens, ((norms + 1) * H) + (HeadsOf(1, 2) * D) + Repeated + (_config.QueryKeyNorm ? HeadsOf(1, 1) * D : 0) + (IsByDocument ? 2 : 1) * C)
        + Wide(tokens, 2 + (_config.QueryKeyNorm ? HeadsOf(1, 1) : 0) + _config.HeadCount);

    // Of a piece the gradients of all heads side by side, and in fp32 the angles, their cosine or sine, and the table that it becomes.
    private long PieceOfHeads => Math.Min(_batch.PieceTokens, _batch.Tokens) * ((HeadsOf(1, 2) * D * Size) + (2 * D * sizeof(float)));

    // Rotary tables of all tokens or of a piece; libtorch's own operators, where they take all rows at once: the gate's backward and the norms' hold about this many fp32 tensors at once.
    private long Rest(long tokens, long turned) => Narrow(turned, 2 * D) + Narrow(tokens, Adapters) + (_batch.FusedOperators || _batch.OnProcessor ? 0 : Wide(tokens, Math.Max(8 * F, 8 * H)));

    // On a processor the output's gradient, and the gate's output's; or, once what gate and up gave is gone, the gradient of the norm's output, of its input, and in fp32 what its weight's sums.
    private long Eager(long tokens) => Math.Max(Narrow(tokens, H + F), Narrow(tokens, (3 * H) - (2 * F)) + Wide(tokens, H));

    // What three adapters of one product make narrow, and its gradient.
    private long Adapters => 6L * (_config.Adapter?.Rank ?? 0);

    // What attention's backward needs beside the tape: the gradients of output, residual and mixed values, and those of the heads.
    private long Attention(long tokens)
    {
        if (!_flash) return Narrow(tokens, (3 * H) + (3 * C) + Repeated + (HeadsOf(1, 2) * D));
        // Flash sums the queries' gradients in fp32, documents padded to 128 tokens; in a fixed order, in as many parts as fill the device.
        var padded = _batch.Packed ? 2 : 1 + (128.0 / Math.Max(128, _batch.SequenceLength));
        // The key/value heads' gradients come for each query head first.
        var expanded = _config.HeadCount == _config.KeyValueHeadCount ? 0 : 2 * C;
        return Narrow(tokens, (2 * H) + (2 * C) + (HeadsOf(0, 2) * D) + expanded) + Wide(tokens, (long)(padded * C) + _config.HeadCount) + OrderedSums(tokens) + Narrow(InGroups(tokens), 5 * C);
    }

    // Of the queries' gradients: one block, which has no place among smaller ones that are free.
    private long OrderedSums(long tokens) => _ordered ? Wide(Math.Min(tokens, _batch.SequenceLength), Multiprocessors * D) : 0;

    // Tokens whose heads are taken in groups: keys and values go in for each query head, and a group's results lie beside the whole.
    private long InGroups(long tokens) => !_ordered || _batch.Packed ? 0
        : Enumerable.Range(1, (int)Math.Min(Rows, 2 * Multiprocessors)).Where(rows => HeadGroups.Of(_config.HeadCount, rows, Multiprocessors).Count > 1)
            .Select(rows => Math.Min(tokens, rows * _seen)).DefaultIfEmpty(0).Max();

    private long Narrow(long tokens, long numbers) => tokens * numbers * Size;

    // fp8: one byte a number, and where scales are by block a thirty-second of it more.
    private long Eighths(long numbers) => _batch.Tokens * numbers * (_fp8?.Scaling == Fp8Scaling.Block ? 33 : 32) / 32;

    // fp8 with a scale for 128 neighbours.
    private long Blocks(long numbers) => _batch.Tokens * numbers * 33 / 32;

    private static long Wide(long tokens, long numbers) => tokens * numbers * sizeof(float);

    private long HeadsOf(int queries, int keys) => ((long)queries * _config.HeadCount) + ((long)keys * _config.KeyValueHeadCount);
}
