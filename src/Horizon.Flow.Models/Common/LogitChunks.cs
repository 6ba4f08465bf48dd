using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: N labelled tokens, C tokens of a chunk, H hidden, V vocabulary.

/// <summary>
/// From normed hidden states of labelled tokens to their losses, a chunk of logits at a time: the gradient of the logits is written over them, so
/// a chunk costs one buffer [C, V] and nothing outlives it. Logits may be scaled, and capped behind that.
/// </summary>
internal sealed class LogitChunks
{
    private readonly long _byteLimit;
    private readonly double _scale;
    private readonly double? _cap;

    /// <param name="logitsByteLimit">Bytes of a chunk's fp32 logits; at least one token is taken.</param>
    /// <param name="scale">What logits are multiplied by.</param>
    /// <param name="cap">They become cap * tanh(logit / cap); null for none.</param>
    public LogitChunks(long logitsByteLimit, double scale = 1, double? cap = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(logitsByteLimit);
        (_byteLimit, _scale, _cap) = (logitsByteLimit, scale, cap);
    }

    private bool IsPlain => _scale == 1 && _cap is null;

    /// <summary>The sum of the losses and the gradient of the normed hidden states; the projection's gradient is written where it belongs.</summary>
    /// <param name="normed_NH">Normed hidden states of the labelled tokens.</param>
    /// <param name="projection_VH">The output projection.</param>
    /// <param name="gradient_VH">Takes its gradient, chunk by chunk; null for none.</param>
    /// <param name="batch">Labels.</param>
    /// <param name="lossScale">Gradients are of lossScale * the sum of losses.</param>
    /// <param name="scales_N">A further scale of each labelled token's loss; null for none.</param>
    /// <param name="smoothing">The share of the target that lies evenly on all tokens.</param>
    /// <param name="first">The place of the first of these tokens among the batch's labelled ones.</param>
    public (Tensor LossSum, Tensor Gradient_NH) Differentiate(
        Tensor normed_NH, Tensor projection_VH, ProjectionGradient? gradient_VH, DeviceBatch batch, double lossScale, Tensor? scales_N = null, double smoothing = 0, long first = 0)
    {
        return Differentiate(normed_NH, projection_VH, gradient_VH, Fused(batch), (start, logits_CV) =>
        {
            var (gradient_CV, losses_C) = CrossEntropy(batch, first + start, logits_CV, lossScale, smoothing);
            if (scales_N is not null) gradient_CV!.mul_(scales_N.narrow(0, first + start, logits_CV.shape[0]).unsqueeze(1));
            return (gradient_CV, losses_C);
        });
    }

    /// <summary>The same of another loss.</summary>
    /// <param name="normed_NH">Normed hidden states of the labelled tokens.</param>
    /// <param name="projection_VH">The output projection.</param>
    /// <param name="gradient_VH">Takes its gradient, chunk by chunk; null for none.</param>
    /// <param name="loss">Of a chunk's logits.</param>
    /// <param name="first">The place of the first of these tokens among the batch's labelled ones.</param>
    public (Tensor LossSum, Tensor Gradient_NH) Differentiate(Tensor normed_NH, Tensor projection_VH, ProjectionGradient? gradient_VH, LogitsLoss loss, long first = 0) =>
        Differentiate(normed_NH, projection_VH, gradient_VH, fused: false, (start, logits_CV) =>
        {
            var (sum, found_CV) = loss(first + start, logits_CV.to(float32));
            return (found_CV.to(logits_CV.dtype), sum);
        });

    /// <summary>Shows logits [chunk, V] fp32, and the place of their first token.</summary>
    public void ForEach(Tensor normed_NH, Tensor projection_VH, Action<long, Tensor> look, long first = 0)
    {
        using var sum = ForEach(normed_NH, projection_VH, fused: false, (start, logits_CV) =>
        {
            look(first + start, logits_CV.to(float32));
            return (null, zeros([], float64, logits_CV.device));
        });
    }

    private (Tensor LossSum, Tensor Gradient_NH) Differentiate(
        Tensor normed_NH, Tensor projection_VH, ProjectionGradient? gradient_VH, bool fused, Func<long, Tensor, (Tensor? Gradient, Tensor Losses)> lose)
    {
        var gradient_NH = empty_like(normed_NH);
        var lossSum = ForEach(normed_NH, projection_VH, fused, lose, (start, x_CH, logitsGradient_CV) =>
        {
            gradient_NH.narrow(0, start, x_CH.shape[0]).copy_(logitsGradient_CV.matmul(projection_VH));
            gradient_VH?.Add(logitsGradient_CV, x_CH);
        });
        return (lossSum, gradient_NH);
    }

    /// <summary>The sum of the losses.</summary>
    public Tensor LossSum(Tensor normed_NH, Tensor projection_VH, DeviceBatch batch, long first = 0) =>
        ForEach(normed_NH, projection_VH, Fused(batch), (start, logits_CV) => CrossEntropy(batch, first + start, logits_CV, null));

    /// <summary>[N] fp32.</summary>
    public Tensor LogProbabilities(Tensor normed_NH, Tensor projection_VH, DeviceBatch batch, long first = 0)
    {
        var found_N = empty(normed_NH.shape[0], float32, normed_NH.device);
        using var lossSum = ForEach(normed_NH, projection_VH, Fused(batch), (start, logits_CV) =>
        {
            var (_, losses_C) = CrossEntropy(batch, first + start, logits_CV, null);
            found_N.narrow(0, start, losses_C.shape[0]).copy_(losses_C.neg());
            return (null, losses_C);
        });
        return found_N;
    }

    /// <summary>[..., V] fp32.</summary>
    public Tensor Logits(Tensor normed, Tensor projection_VH) => Shaped(linear(normed, projection_VH)).Logits.to(float32);

    /// <summary>Bytes of one chunk, and of the sum over several.</summary>
    public long WorkingBytes(ParameterSlot projection, BatchShape batch)
    {
        var (vocabulary, hidden) = (projection.Shape[0], projection.Shape[1]);
        var rows = Math.Min(batch.Tokens, Rows(projection.Shape, batch.FusedOperators));
        var narrow = batch.Type != ElementType.Float32;
        // The gradient of the logits is written over them, in fp32 by libtorch's operators of a GPU, from and to the type of the unit. Shaping has them before and after.
        var logit = !IsPlain ? sizeof(float) + (4 * batch.Type.ByteSize())
            : narrow && !batch.FusedOperators && !batch.OnProcessor ? sizeof(float) + (2 * sizeof(ushort))
            : batch.Type.ByteSize();
        // Several chunks' gradients of a narrow projection are summed in fp32, a chunk's part of it beside.
        var sum = narrow && rows < batch.Tokens ? projection.Count * (sizeof(float) + batch.Type.ByteSize()) : 0;
        return (rows * ((vocabulary * logit) + (hidden * batch.Type.ByteSize()))) + sum;
    }

    // Every chunk reads and writes the projection's gradient. Where no more than the logits themselves is needed for a chunk, it takes twice
    // as many tokens as the hidden state is wide: its bf16 logits are then as large as that fp32 gradient.
    private long Rows(IReadOnlyList<long> projection, bool fused)
    {
        var rows = Math.Max(1, _byteLimit / (sizeof(float) * projection[0]));
        return fused && IsPlain && _byteLimit >= HeadTemplate.DefaultLogitsByteLimit ? Math.Max(rows, 2 * projection[1]) : rows;
    }

    // The logits, and tanh of them where they are capped: what its derivative needs.
    private (Tensor Logits, Tensor? Tanh) Shaped(Tensor logits)
    {
        if (_scale != 1) logits = logits.Times(_scale);
        if (_cap is not { } cap) return (logits, null);
        var tanh = logits.Over(cap).tanh();
        return (tanh.Times(cap), tanh);
    }

    private static bool Fused(DeviceBatch batch) => batch.Operators.FusesCrossEntropy;

    // Its gradient, where a scale asks for it, and the losses [C]. Logits are overwritten.
    private static (Tensor? Gradient, Tensor Losses) CrossEntropy(DeviceBatch batch, long start, Tensor logits_CV, double? lossScale, double smoothing = 0)
    {
        var labels_C = batch.Targets.flatten().index_select(0, batch.LabelledTokens.narrow(0, start, logits_CV.shape[0]));
        return batch.Operators.CrossEntropy(logits_CV, labels_C, lossScale, smoothing);
    }

    // The sum of the losses. fp64: adding a million fp32 losses in fp32 would depend on the chunks; in fp64 only each loss is rounded.
    private Tensor ForEach(
        Tensor normed_NH, Tensor projection_VH, bool fused, Func<long, Tensor, (Tensor? Gradient, Tensor Losses)> lose, Action<long, Tensor, Tensor>? visit = null)
    {
        var lossSum = zeros([], float64, normed_NH.device);
        var size = Rows(projection_VH.shape, fused && normed_NH.dtype == bfloat16);
        for (long start = 0; start < normed_NH.shape[0]; start += size)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(size, normed_NH.shape[0] - start);
            var x_CH = normed_NH.narrow(0, start, count);
            var (logits_CV, tanh_CV) = Shaped(linear(x_CH, projection_VH));
            var (gradient_CV, losses_C) = lose(start, logits_CV);
            lossSum.AddInPlace(losses_C.sum(float64));
            if (gradient_CV is null || visit is null) continue;
            if (tanh_CV is not null) gradient_CV *= tanh_CV.Squared().SubtractedFrom(1);
            if (_scale != 1) gradient_CV = gradient_CV.Times(_scale);
            visit(start, x_CH, gradient_CV);
        }

        return lossSum;
    }
}
