using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Models.Common;

// Letters: N labelled tokens, C tokens of a chunk, H hidden, V vocabulary.

/// <summary>
/// Final norm, output projection and cross-entropy. Only labelled tokens are computed at all, and their logits a chunk at a time: the
/// gradient of the logits, softmax - onehot, is written over them, so a chunk costs one fp32 buffer [C, V] and nothing outlives it.
/// </summary>
public sealed class HeadTemplate : IHeadTemplate
{
    /// <summary>256 MiB.</summary>
    public const long DefaultLogitsByteLimit = 256L << 20;

    private readonly string _projection;
    private readonly double _normEpsilon;
    private readonly long _logitsByteLimit;

    /// <summary>Creates it.</summary>
    /// <param name="projection">The role of the output projection: its own, or the embedding's where the head is tied.</param>
    /// <param name="normEpsilon">Added to the mean square in the final norm.</param>
    /// <param name="logitsByteLimit">Bytes of a chunk's fp32 logits; at least one token is taken.</param>
    public HeadTemplate(string projection, double normEpsilon, long logitsByteLimit = DefaultLogitsByteLimit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(logitsByteLimit);
        _projection = projection;
        _normEpsilon = normEpsilon;
        _logitsByteLimit = logitsByteLimit;
    }

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var projection_VH = parameters[_projection];
        var input_NH = LabelledRows(hidden, batch).requires_grad_();
        var normWeight = parameters[Roles.FinalNorm].detach().requires_grad_();
        var normed_NH = NormWithGraph(input_NH, normWeight);
        var normedGradient_NH = empty_like(normed_NH);
        using var projectionGradient = gradients is null ? null : new ProjectionGradient(gradients[_projection]);

        var lossSum = ForEachChunk(normed_NH.detach(), projection_VH, batch, (start, x_CH, softmax) =>
        {
            var logitsGradient_CV = softmax.Gradient(lossScale).to(x_CH.dtype);
            normedGradient_NH.narrow(0, start, x_CH.shape[0]).copy_(logitsGradient_CV.matmul(projection_VH));
            projectionGradient?.Add(logitsGradient_CV, x_CH);
        });

        var found = autograd.grad([normed_NH], gradients is null ? [input_NH] : [input_NH, normWeight], [normedGradient_NH]);
        if (gradients is not null)
        {
            projectionGradient!.Write();
            gradients[Roles.FinalNorm].copy_(found[1]);
            foreach (var unused in gradients.Layout.Parameters.Where(slot => slot.Role != _projection && slot.Role != Roles.FinalNorm))
                gradients[unused.Role].zero_();
        }

        var inputGradient = zeros_like(hidden).view(-1, hidden.shape[^1]).index_copy_(0, batch.LabelledTokens, found[0]).view(hidden.shape);
        return new HeadResult(lossSum.DetachFromDisposeScope(), inputGradient.DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var normed_NH = RmsNorm.Apply(LabelledRows(hidden, batch), parameters[Roles.FinalNorm], _normEpsilon);
        return ForEachChunk(normed_NH, parameters[_projection], batch, (_, _, _) => { }).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var normed = RmsNorm.Apply(hidden, parameters[Roles.FinalNorm], _normEpsilon);
        return linear(normed, parameters[_projection]).to(float32).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(Host.UnitLayout unit, long tokens)
    {
        ArgumentNullException.ThrowIfNull(unit);
        var projection = unit.Parameters.First(slot => slot.Role == _projection);
        var vocabulary = projection.Shape[0];
        var rows = Math.Min(tokens, Math.Max(1, _logitsByteLimit / (sizeof(float) * vocabulary)));
        // fp32 logits, their gradient in the unit's type, and the projection's gradient summed in fp32.
        return (2 * rows * vocabulary * sizeof(float)) + (projection.Count * sizeof(float));
    }

    // The sum of the losses. fp64: adding a million fp32 losses in fp32 would depend on the chunks; in fp64 only each loss is rounded.
    private Tensor ForEachChunk(Tensor normed_NH, Tensor projection_VH, DeviceBatch batch, Action<long, Tensor, ChunkSoftmax> visit)
    {
        var labels_N = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
        var lossSum = zeros([], float64, normed_NH.device);
        var size = Math.Max(1, _logitsByteLimit / (sizeof(float) * projection_VH.shape[0]));
        for (long start = 0; start < normed_NH.shape[0]; start += size)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(size, normed_NH.shape[0] - start);
            var x_CH = normed_NH.narrow(0, start, count);
            var softmax = new ChunkSoftmax(linear(x_CH, projection_VH).to(float32), labels_N.narrow(0, start, count));
            lossSum.add_(softmax.LossSum());
            visit(start, x_CH, softmax);
        }

        return lossSum;
    }

    private Tensor NormWithGraph(Tensor input_NH, Tensor weight)
    {
        using var grad = enable_grad();
        return RmsNorm.Apply(input_NH, weight, _normEpsilon);
    }

    private static Tensor LabelledRows(Tensor hidden, DeviceBatch batch) =>
        hidden.reshape(-1, hidden.shape[^1]).index_select(0, batch.LabelledTokens);
}
