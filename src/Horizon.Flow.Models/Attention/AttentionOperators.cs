using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>Attention of libtorch that TorchSharp does not wrap, reached through TorchScript. Compiled once for the process.</summary>
internal static class AttentionOperators
{
    private static readonly Lazy<jit.CompilationUnit> Flash = new(() => jit.compile("""
        def forward(q: Tensor, k: Tensor, v: Tensor, bounds: Tensor, longest: int, scale: float, before: int) -> List[Tensor]:
            out, lse, seed, offset, mask = torch._flash_attention_forward(q, k, v, bounds, bounds, longest, longest, 0.0, True, False, scale=scale, window_size_left=before, window_size_right=0 if before >= 0 else -1)
            return [out, lse, seed, offset]

        def backward(d: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, seed: Tensor, offset: Tensor, bounds: Tensor, longest: int, scale: float, before: int) -> List[Tensor]:
            dq, dk, dv = torch._flash_attention_backward(d, q, k, v, out, lse, bounds, bounds, longest, longest, 0.0, True, seed, offset, scale=scale, window_size_left=before, window_size_right=0 if before >= 0 else -1)
            return [dq, dk, dv]

        """));

    // The kernel's node keeps output and logarithms for backward; what is written through 'data' is what it finds there.
    private static readonly Lazy<jit.CompilationUnit> Sinks = new(() => jit.compile("""
        def fold(out: Tensor, lse: Tensor, sinks: Tensor) -> Tensor:
            sink = sinks.detach().float().unsqueeze(-1)
            share = torch.sigmoid(lse.data - sink).t().unsqueeze(-1)
            out.data.mul_(share)
            lse.data.copy_(torch.logaddexp(lse.data, sink))
            weight = torch.exp(sinks.float().unsqueeze(-1) - lse.data)
            return out * (1 - (weight - weight.detach())).t().unsqueeze(-1).to(out.dtype)

        """));

    private static readonly Lazy<jit.CompilationUnit> Cudnn = new(() => jit.compile("""
        def forward(q: Tensor, k: Tensor, v: Tensor, scale: float) -> List[Tensor]:
            out, lse, bounds_q, bounds_k, longest_q, longest_k, seed, offset, mask = torch._scaled_dot_product_cudnn_attention(q, k, v, None, True, 0.0, True, False, scale=scale)
            return [out, lse, seed, offset]

        """));

    /// <summary>Causal attention by documents.</summary>
    /// <param name="query">[T, Q, D] bf16.</param>
    /// <param name="key">[T, K, D].</param>
    /// <param name="value">[T, K, D].</param>
    /// <param name="bounds">[documents + 1] int32.</param>
    /// <param name="longest">Tokens of the longest document.</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="before">How many earlier tokens each sees; -1 for all.</param>
    /// <returns>[T, Q, D], and what backward needs.</returns>
    public static Tensor[] FlashForward(Tensor query, Tensor key, Tensor value, Tensor bounds, long longest, double scale, long before) =>
        (Tensor[])Flash.Value.invoke("forward", query, key, value, bounds, longest, scale, before);

    /// <summary>
    /// Makes a kernel's attention one with sinks, a score of each head beside those of the keys that has no value. With l the logarithm of a softmax's sum, the output is
    /// o' = o sigmoid(l - sink) and the logarithm l' = log(e^l + e^sink); the kernel's ordinary backward from these gives the gradients of queries, keys and values.
    /// The sink's own is -sum e^(sink - l') (do' . o'), by a factor that is 1.
    /// </summary>
    /// <param name="output">[T, Q, D], as an operator gave it whose backward reads it; overwritten.</param>
    /// <param name="sums">[Q, T] fp32, given with it; overwritten.</param>
    /// <param name="sinks">[Q].</param>
    /// <returns>[T, Q, D].</returns>
    public static Tensor FoldSinks(Tensor output, Tensor sums, Tensor sinks) => (Tensor)Sinks.Value.invoke("fold", output, sums, sinks);

    /// <summary>Causal attention of whole rows by cuDNN; autograd has its backward, whose sums are in no fixed order.</summary>
    /// <param name="query">[B, Q, S, D] bf16.</param>
    /// <param name="key">[B, K, S, D].</param>
    /// <param name="value">[B, K, S, D].</param>
    /// <param name="scale">Of the scores.</param>
    /// <returns>[B, Q, S, D], as memory [B, S, Q, D]; [B, Q, S, 1] fp32, the logarithm of each softmax's sum; and two that flash's backward takes and does not read.</returns>
    public static Tensor[] CudnnForward(Tensor query, Tensor key, Tensor value, double scale) =>
        (Tensor[])Cudnn.Value.invoke("forward", query, key, value, scale);

    /// <summary>The gradients of queries, keys and values.</summary>
    /// <param name="gradient">[T, Q, D].</param>
    /// <param name="query">As in forward.</param>
    /// <param name="key">As in forward.</param>
    /// <param name="value">As in forward.</param>
    /// <param name="output">What forward gave first.</param>
    /// <param name="kept">What else it gave.</param>
    /// <param name="bounds">As in forward.</param>
    /// <param name="longest">As in forward.</param>
    /// <param name="scale">As in forward.</param>
    /// <param name="before">As in forward.</param>
    public static Tensor[] FlashBackward(
        Tensor gradient, Tensor query, Tensor key, Tensor value, Tensor output, Tensor[] kept, Tensor bounds, long longest, double scale, long before) =>
        (Tensor[])Flash.Value.invoke("backward", gradient, query, key, value, output, kept[0], kept[1], kept[2], bounds, longest, scale, before);
}
