using Horizon.Flow.Models.Common;
using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// Which way attention goes, for layers whose backward autograd derives: flash where the device has it, which is told where documents begin and how far a window
/// reaches; else documents one by one, and whole rows at once.
/// </summary>
internal static class CausalMixing
{
    /// <param name="query_BSQD">Queries.</param>
    /// <param name="key_BSKD">Keys; K divides Q.</param>
    /// <param name="value_BSKD">Values, as wide as keys.</param>
    /// <param name="scale">What products of queries and keys are multiplied by.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <param name="isPlain">Whether scores are nothing but these products, so that flash may take them.</param>
    /// <param name="attend">As <see cref="DocumentMixing.Mix"/> takes it.</param>
    /// <returns>[B, S, Q, D].</returns>
    public static Tensor Mix(
        Tensor query_BSQD, Tensor key_BSKD, Tensor value_BSKD, double scale, int? slidingWindow, DeviceBatch batch, bool isPlain, Func<Tensor, Tensor, Tensor, Tensor?, Tensor> attend)
    {
        var window = slidingWindow >= batch.SequenceLength ? null : slidingWindow;
        using var ordered = DeterministicScope.Enter(query_BSQD.device, batch.Operators.IsDeterministic); // the kernel that is chosen here is the one that backward uses
        var times = query_BSQD.shape[2] / key_BSKD.shape[2];
        Tensor OfQueries(Tensor x_BSKD) => HeadParts.Repeat(x_BSKD, times).transpose(1, 2);
        Tensor Whole(Tensor? mask_SR) => attend(query_BSQD.transpose(1, 2), OfQueries(key_BSKD), OfQueries(value_BSKD), mask_SR).transpose(1, 2);
        if (batch.Recall is not null) return Whole(batch.AttentionMask(slidingWindow)?.squeeze(1).squeeze(0));
        if (isPlain && FlashAttention.Takes(query_BSQD, batch))
        {
            return AtenOperators.FlashForward(
                query_BSQD.flatten(0, 1), key_BSKD.flatten(0, 1), value_BSKD.flatten(0, 1), batch.Spans.Bounds, batch.Spans.Longest, scale, window - 1 ?? -1)[0].view(query_BSQD.shape);
        }

        if (batch.Documents is null && window is null) return Whole(null);
        return DocumentMixing.Mix(query_BSQD.flatten(0, 1), key_BSKD.flatten(0, 1), value_BSKD.flatten(0, 1), batch.Spans, window, attend).view(query_BSQD.shape);
    }
}
