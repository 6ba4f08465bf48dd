using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>
/// Documents one by one, and long ones with a window in blocks of a window: for every device, type and way to attend. No mask is larger than a window by
/// two, so memory is linear in tokens where the way to attend is.
/// </summary>
internal static class DocumentMixing
{
    /// <summary>[T, Q, D]: the mixed values, by operators that autograd may record.</summary>
    /// <param name="query_TQD">Queries of all documents.</param>
    /// <param name="key_TKD">Keys; K divides Q.</param>
    /// <param name="value_TKD">Values.</param>
    /// <param name="spans">Where the documents lie.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="attend">
    /// From [1, Q, S, D] queries, [1, Q, R, D] keys and values and a mask [S, R] bool to [1, Q, S, D]; without a mask S is R, and a token sees itself and those before it.
    /// </param>
    public static Tensor Mix(
        Tensor query_TQD, Tensor key_TKD, Tensor value_TKD, DocumentSpans spans, int? window, Func<Tensor, Tensor, Tensor, Tensor?, Tensor> attend)
    {
        var (pieces, mask, times) = (new List<Tensor>(), default(Tensor), query_TQD.shape[1] / key_TKD.shape[1]);
        for (var document = 0; document < spans.Count; document++)
        {
            var (start, length) = (spans.Starts[document], spans.LengthOf(document));
            if (window is not { } width || width >= length)
            {
                pieces.Add(Attend(start, length, start, null));
                continue;
            }

            mask ??= WindowMask(width, query_TQD.device);
            for (var block = 0; block < length; block += width)
            {
                var (count, before) = (Math.Min(width, length - block), Math.Min(block, width - 1));
                pieces.Add(Attend(start + block, count, start + block - before, mask.narrow(0, 0, count).narrow(1, width - 1 - before, before + count)));
            }
        }

        return pieces.Count == 1 ? pieces[0] : cat(pieces, 0);

        // [count, Q, D]: some tokens of a document over its tokens from firstKey to the last of them.
        Tensor Attend(long firstQuery, long count, long firstKey, Tensor? seen)
        {
            var keys = firstQuery + count - firstKey;
            return attend(Piece(query_TQD, firstQuery, count, 1), Piece(key_TKD, firstKey, keys, times), Piece(value_TKD, firstKey, keys, times), seen)
                .squeeze(0).transpose(0, 1);
        }
    }

    private static Tensor Piece(Tensor x_TND, long first, long count, long times) =>
        HeadParts.Repeat(x_TND.narrow(0, first, count), times).transpose(0, 1).unsqueeze(0);

    // [width, 2 * width - 1] bool: a block's queries over its own keys and the width - 1 in front of it; each sees its own place, width - 1 + i, and as
    // many before it as the window has. A shorter block is the first rows of it, one with less in front its last columns.
    private static Tensor WindowMask(long width, Device device)
    {
        var query = TensorArithmetic.Range(width, device: device).unsqueeze(1);
        var key = TensorArithmetic.Range((2 * width) - 1, device: device).unsqueeze(0);
        return key.ge(query).logical_and(key.le(query.Plus(width - 1)));
    }
}
