using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

// Letters: B batch, Q heads, S sequence, D head width.

/// <summary>
/// Attention with a sink (gpt-oss): a score that every query of a head has beside those of the keys, and that has no value. It is a key in front of all
/// others with a zero for a value: one more channel is the sink there and zero in the other keys, so that libtorch's kernels do the rest and no scores are kept.
/// </summary>
internal static class SinkAttention
{
    // Kernels want widths that are multiples of it.
    private const int Step = 8;

    /// <param name="query_BQSD">Scaled: a score is its product with a key.</param>
    /// <param name="key_BQSD">Keys.</param>
    /// <param name="value_BQSD">Values.</param>
    /// <param name="sinks_Q">The sinks.</param>
    /// <param name="mask">[1, 1, S, keys] bool; null for a causal one.</param>
    /// <returns>[B, Q, S, D].</returns>
    public static Tensor Mix(Tensor query_BQSD, Tensor key_BQSD, Tensor value_BQSD, Tensor sinks_Q, Tensor? mask)
    {
        var (B, Q, D) = (query_BQSD.shape[0], query_BQSD.shape[1], query_BQSD.shape[3]);
        // The kernels divide by the root of the width, which is taken from the queries before.
        var root = Math.Sqrt(D + Step);
        var unit = TensorArithmetic.Range(Step, device: query_BQSD.device).With(0, static (x, first) => x.eq(first)).to(query_BQSD.dtype);
        var query = cat([query_BQSD.Times(root), unit.Times(root).expand(B, Q, query_BQSD.shape[2], Step)], -1);
        var sink = cat([zeros_like(key_BQSD.narrow(2, 0, 1)), (sinks_Q.view(1, Q, 1, 1) * unit).expand(B, -1, -1, -1)], -1);
        var keys = cat([sink, Padded(key_BQSD, 0, Step)], 2);
        // A first query sees the sink alone and is not used; with it causal means the same as before.
        var mixed = scaled_dot_product_attention(
            Padded(query, 1, 0), keys, Padded(value_BQSD, 1, Step), attn_mask: mask is null ? null : WithSink(mask), is_casual: mask is null);
        return mixed.narrow(2, 1, query_BQSD.shape[2]).narrow(3, 0, D);
    }

    // Zeros in front along S and behind along D.
    private static Tensor Padded(Tensor x_BQSD, int front, int behind)
    {
        var wide = behind == 0 ? x_BQSD : cat([x_BQSD, zeros([.. x_BQSD.shape[..3], behind], x_BQSD.dtype, x_BQSD.device)], -1);
        return front == 0 ? wide : cat([zeros_like(wide.narrow(2, 0, front)), wide], 2);
    }

    private static Tensor WithSink(Tensor mask_11SR)
    {
        var behind = cat([zeros_like(mask_11SR.narrow(2, 0, 1)), mask_11SR], 2);
        return cat([ones_like(behind.narrow(3, 0, 1)), behind], 3);
    }
}
