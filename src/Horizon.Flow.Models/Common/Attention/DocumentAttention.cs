using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// Documents one by one, and long ones with a window in blocks of a window: on every device, in every type. No mask is larger than a window by two, so
/// memory is linear in tokens.
/// </summary>
internal sealed class DocumentAttention : IAttention
{
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_TC;
    private readonly HeadParts _heads;

    /// <param name="heads">Rotated; kept.</param>
    /// <param name="spans">Where the documents lie.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    public DocumentAttention(HeadParts heads, DocumentSpans spans, int? window)
    {
        _heads = heads;
        _leaves = [HeadParts.Leaf(heads.Query), HeadParts.Leaf(heads.Key), HeadParts.Leaf(heads.Value)];
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        using var ordered = DeterministicScope.Enter(heads.All_TND.device);
        var (pieces, mask) = (new List<Tensor>(), default(Tensor));
        for (var document = 0; document < spans.Count; document++)
        {
            var (start, length) = (spans.Starts[document], spans.LengthOf(document));
            if (window is not { } width || width >= length)
            {
                pieces.Add(Attend(start, length, start, null));
                continue;
            }

            mask ??= WindowMask(width);
            for (var block = 0; block < length; block += width)
            {
                var (count, before) = (Math.Min(width, length - block), Math.Min(block, width - 1));
                pieces.Add(Attend(start + block, count, start + block - before, mask.narrow(0, 0, count).narrow(1, width - 1 - before, before + count)));
            }
        }

        _mixed_TC = (pieces.Count == 1 ? pieces[0] : cat(pieces, 0)).flatten(1).DetachFromDisposeScope();
        Output = _mixed_TC.detach().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var ordered = DeterministicScope.Enter(dOutput_TC.device);
        return [.. autograd.grad([_mixed_TC], _leaves, [dOutput_TC])];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var leaf in _leaves) leaf.Dispose();
        _mixed_TC.Dispose();
        Output.Dispose();
    }

    // [count, Q, D]: some tokens of a document over its tokens from firstKey to the last of them.
    private Tensor Attend(long firstQuery, long count, long firstKey, Tensor? mask)
    {
        var keys = firstQuery + count - firstKey;
        var mixed_1QSD = scaled_dot_product_attention(
            Piece(_leaves[0], firstQuery, count, 1),
            Piece(_leaves[1], firstKey, keys, _heads.Groups),
            Piece(_leaves[2], firstKey, keys, _heads.Groups),
            attn_mask: mask,
            is_casual: mask is null);
        return mixed_1QSD.squeeze(0).transpose(0, 1);
    }

    private static Tensor Piece(Tensor x_TND, long first, long count, long times) =>
        HeadParts.Repeat(x_TND.narrow(0, first, count), times).transpose(0, 1).unsqueeze(0);

    // [width, 2 * width - 1] bool: a block's queries over its own keys and the width - 1 in front of it; each sees its own place, width - 1 + i, and as
    // many before it as the window has. A shorter block is the first rows of it, one with less in front its last columns.
    private Tensor WindowMask(long width)
    {
        var device = _heads.All_TND.device;
        var query = TensorArithmetic.Range(width, device: device).unsqueeze(1);
        var key = TensorArithmetic.Range((2 * width) - 1, device: device).unsqueeze(0);
        return key.ge(query).logical_and(key.le(query.Plus(width - 1)));
    }
}
