using Horizon.Flow.Host;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Models.Common;

// Letters: N labelled tokens, C tokens of a chunk, H hidden, V vocabulary.

/// <summary>
/// Final norm, output projection and cross-entropy. Only labelled tokens are computed at all, and their logits a chunk at a time: the
/// gradient of the logits, softmax - onehot, is written over them, so a chunk costs one buffer [C, V] and nothing outlives it.
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
    /// <param name="logitsByteLimit">
    /// Bytes of a chunk's fp32 logits; at least one token is taken. At the default or above, a device whose operators fuse the
    /// cross-entropy takes more tokens where the model is wide.
    /// </param>
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
        var input_NH = batch.LabelledRows(hidden);
        var (_, normed_NH, inverse) = batch.Operators.Norm(input_NH, null, parameters[Roles.FinalNorm], _normEpsilon);
        var normedGradient_NH = empty_like(normed_NH);
        using var projectionGradient = gradients is null ? null : new ProjectionGradient(gradients[_projection]);
        var lossSum = ForEachChunk(normed_NH, projection_VH, batch, lossScale, (start, x_CH, logitsGradient_CV) =>
        {
            normedGradient_NH.narrow(0, start, x_CH.shape[0]).copy_(logitsGradient_CV.matmul(projection_VH));
            projectionGradient?.Add(logitsGradient_CV, x_CH);
        });

        var found = batch.Operators.NormBackward(
            normedGradient_NH, input_NH, parameters[Roles.FinalNorm], inverse, null, gradients?[Roles.FinalNorm]);
        if (gradients is not null)
        {
            projectionGradient!.Write();
            foreach (var unused in gradients.Layout.Parameters.Where(slot => slot.Role != _projection && slot.Role != Roles.FinalNorm))
                gradients[unused.Role].zero_();
        }

        var inputGradient = zeros_like(hidden).view(-1, hidden.shape[^1]).index_copy_(0, batch.LabelledTokens, found).view(hidden.shape);
        return new HeadResult(lossSum.MoveToOuterDisposeScope(), inputGradient.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (_, normed_NH, _) = batch.Operators.Norm(batch.LabelledRows(hidden), null, parameters[Roles.FinalNorm], _normEpsilon);
        return ForEachChunk(normed_NH, parameters[_projection], batch, null, null).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (_, normed_NH, _) = batch.Operators.Norm(batch.LabelledRows(hidden), null, parameters[Roles.FinalNorm], _normEpsilon);
        var found_N = empty(normed_NH.shape[0], float32, normed_NH.device);
        using var lossSum = ForEachChunk(normed_NH, parameters[_projection], batch, null, null, (start, losses_C) => found_N.narrow(0, start, losses_C.shape[0]).copy_(losses_C.neg()));
        return found_N.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var normed = RmsNorm.Apply(hidden, parameters[Roles.FinalNorm], _normEpsilon);
        return linear(normed, parameters[_projection]).to(float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var projection = unit.Parameters.First(slot => slot.Role == _projection);
        var (vocabulary, hidden) = (projection.Shape[0], projection.Shape[1]);
        var rows = Math.Min(batch.Tokens, ChunkRows(projection.Shape, batch.FusedOperators));
        var narrow = batch.Type != ElementType.Float32;
        // The gradient of the logits is written over them, in fp32 by libtorch's operators, from and to the type of the unit.
        var logit = narrow && !batch.FusedOperators ? sizeof(float) + (2 * sizeof(ushort)) : batch.Type.ByteSize();
        // The rows that have labels, their norm, its gradient, the norm's, and that in its place among all rows.
        var states = (5 * hidden * batch.TokenBytes) + (batch.FusedOperators ? 0 : 6 * hidden * batch.WideTokenBytes);
        // Several chunks' gradients of a narrow projection are summed in fp32, a chunk's part of it beside.
        var sum = narrow && rows < batch.Tokens ? projection.Count * (sizeof(float) + batch.Type.ByteSize()) : 0;
        return states + (rows * ((vocabulary * logit) + (hidden * batch.Type.ByteSize()))) + sum;
    }

    // Every chunk reads and writes the projection's gradient. Where no more than the logits themselves is needed for a chunk, it takes twice
    // as many tokens as the hidden state is wide: its bf16 logits are then as large as that fp32 gradient.
    private long ChunkRows(IReadOnlyList<long> projection, bool fused)
    {
        var rows = Math.Max(1, _logitsByteLimit / (sizeof(float) * projection[0]));
        return fused && _logitsByteLimit >= DefaultLogitsByteLimit ? Math.Max(rows, 2 * projection[1]) : rows;
    }

    // The sum of the losses. fp64: adding a million fp32 losses in fp32 would depend on the chunks; in fp64 only each loss is rounded.
    private Tensor ForEachChunk(Tensor normed_NH, Tensor projection_VH, DeviceBatch batch, double? scale, Action<long, Tensor, Tensor>? visit, Action<long, Tensor>? look = null)
    {
        var labels_N = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
        var lossSum = zeros([], float64, normed_NH.device);
        var size = ChunkRows(projection_VH.shape, batch.Operators.FusesCrossEntropy && normed_NH.dtype == bfloat16);
        for (long start = 0; start < normed_NH.shape[0]; start += size)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(size, normed_NH.shape[0] - start);
            var x_CH = normed_NH.narrow(0, start, count);
            var (gradient_CV, losses_C) = batch.Operators.CrossEntropy(linear(x_CH, projection_VH), labels_N.narrow(0, start, count), scale);
            lossSum.AddInPlace(losses_C.sum(float64));
            look?.Invoke(start, losses_C);
            if (gradient_CV is not null) visit?.Invoke(start, x_CH, gradient_CV);
        }

        return lossSum;
    }
}
