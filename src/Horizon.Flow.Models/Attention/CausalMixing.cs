using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>
/// Which way attention goes, where autograd derives the backward: flash where the device has it, which is told where documents begin and how far a window
/// reaches; else documents one by one, and whole rows at once.
/// </summary>
internal static class CausalMixing
{
    /// <param name="query_BSQD">Queries.</param>
    /// <param name="key_BSKD">Keys; K divides Q.</param>
    /// <param name="value_BSKD">Values, as wide as keys.</param>
    /// <param name="scale">What products of queries and keys are multiplied by; null for 1 / sqrt(D).</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <param name="attend">As <see cref="DocumentMixing.Mix"/> takes it; null where scores are nothing but these products, so that flash may take them.</param>
    /// <param name="sinks_Q">A score that every query of a head has beside those of the keys, known to <paramref name="attend"/>; null for none.</param>
    /// <returns>[B, S, Q, D].</returns>
    public static Tensor Mix(
        Tensor query_BSQD, Tensor key_BSKD, Tensor value_BSKD, double? scale, int? slidingWindow, DeviceBatch batch, Func<Tensor, Tensor, Tensor, Tensor?, Tensor>? attend = null,
        Tensor? sinks_Q = null)
    {
        var window = slidingWindow >= batch.SequenceLength ? null : slidingWindow;
        using var ordered = DeterministicScope.Enter(query_BSQD.device, batch.Operators.IsDeterministic); // the kernel that is chosen here is the one that backward uses
        var root = Math.Sqrt(query_BSQD.shape[3]);
        if ((attend is null || sinks_Q is not null) && batch.Recall is null && FlashAttention.Takes(query_BSQD, batch))
        {
            var found = AttentionOperators.FlashForward(
                query_BSQD.flatten(0, 1), key_BSKD.flatten(0, 1), value_BSKD.flatten(0, 1), batch.Spans.Bounds, batch.Spans.Longest, scale ?? (1 / root), window - 1 ?? -1);
            return (sinks_Q is null ? found[0] : AttentionOperators.FoldSinks(found[0], found[1], sinks_Q)).view(query_BSQD.shape);
        }

        attend ??= (query, key, value, mask) => Plain(scale is { } wanted ? query.Times(wanted * root) : query, key, value, mask);
        var times = query_BSQD.shape[2] / key_BSKD.shape[2];
        Tensor OfQueries(Tensor x_BSKD) => HeadParts.Repeat(x_BSKD, times).transpose(1, 2);
        Tensor Whole(Tensor? mask_SR) => attend(query_BSQD.transpose(1, 2), OfQueries(key_BSKD), OfQueries(value_BSKD), mask_SR).transpose(1, 2);
        if (batch.Recall is not null) return Whole(batch.AttentionMask(slidingWindow)?.squeeze(1).squeeze(0));
        if (batch.Documents is null && window is null) return Whole(null);
        return DocumentMixing.Mix(query_BSQD.flatten(0, 1), key_BSKD.flatten(0, 1), value_BSKD.flatten(0, 1), batch.Spans, window, attend).view(query_BSQD.shape);
    }

    // libtorch's kernels divide by the root of the head width themselves.
    private static Tensor Plain(Tensor query, Tensor key, Tensor value, Tensor? mask) =>
        scaled_dot_product_attention(query, key, value, attn_mask: mask, is_casual: mask is null);
}
