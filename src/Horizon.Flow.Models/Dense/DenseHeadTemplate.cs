using Horizon.Flow.Host;
using Horizon.Flow.Models.Common;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Models.Dense;

// Letters: N labelled tokens, C tokens of a chunk, H hidden, V vocabulary.

/// <summary>
/// The head of a <see cref="DenseConfig"/>: any norm, logits scaled and capped. As <see cref="HeadTemplate"/>, it computes labelled tokens
/// alone and their logits a chunk at a time; the norm's backward is derived by autograd.
/// </summary>
internal sealed class DenseHeadTemplate(DenseConfig config, long logitsByteLimit = HeadTemplate.DefaultLogitsByteLimit) : IHeadTemplate
{
    private readonly string _projection = config.TiedHead ? Roles.Embedding : Roles.Head;

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var leaves = parameters.AsLeaves();
        var input_NH = batch.LabelledRows(hidden).requires_grad_();
        Tensor graph_NH;
        using (enable_grad()) graph_NH = DenseNorm.Apply(config, leaves, Roles.FinalNorm, input_NH);
        var normed_NH = graph_NH.detach();
        var normedGradient_NH = empty_like(normed_NH);
        using var projectionGradient = gradients is null ? null : new ProjectionGradient(gradients[_projection]);
        var lossSum = ForEachChunk(normed_NH, parameters[_projection], batch, lossScale, (start, x_CH, logitsGradient_CV) =>
        {
            normedGradient_NH.narrow(0, start, x_CH.shape[0]).copy_(logitsGradient_CV.matmul(parameters[_projection]));
            projectionGradient?.Add(logitsGradient_CV, x_CH);
        });

        var norms = leaves.Used.ToList();
        var found = autograd.grad([graph_NH], [input_NH, .. norms.Select(leaf => leaf.View)], [normedGradient_NH]);
        if (gradients is not null)
        {
            var written = norms.Select(leaf => leaf.First).Append(_projection).ToHashSet();
            foreach (var unused in gradients.Layout.Parameters.Where(slot => !written.Contains(slot.Role))) gradients[unused.Role].zero_();
            projectionGradient!.Write();
            foreach (var (leaf, gradient) in norms.Zip(found.Skip(1))) gradients[leaf.First].copy_(gradient);
        }

        var inputGradient = zeros_like(hidden).view(-1, hidden.shape[^1]).index_copy_(0, batch.LabelledTokens, found[0]).view(hidden.shape);
        return new HeadResult(lossSum.MoveToOuterDisposeScope(), inputGradient.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var normed_NH = DenseNorm.Apply(config, parameters, Roles.FinalNorm, batch.LabelledRows(hidden));
        return ForEachChunk(normed_NH, parameters[_projection], batch, null, null).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var normed = DenseNorm.Apply(config, parameters, Roles.FinalNorm, hidden);
        var (logits, _) = Shaped(linear(normed, parameters[_projection]));
        return logits.to(float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var projection = unit.Parameters.First(slot => slot.Role == _projection);
        var (vocabulary, hidden) = (projection.Shape[0], projection.Shape[1]);
        var rows = Math.Min(batch.Tokens, ChunkRows(vocabulary));
        // Logits before and after their shaping, in the type of the unit and in fp32; the rows that have labels, normed, and the norm's graph.
        var logits = rows * vocabulary * (sizeof(float) + (4L * batch.Type.ByteSize()));
        var sum = batch.Type != ElementType.Float32 && rows < batch.Tokens ? projection.Count * (sizeof(float) + batch.Type.ByteSize()) : 0;
        return logits + sum + (6 * hidden * batch.TokenBytes) + (6 * hidden * batch.WideTokenBytes);
    }

    private long ChunkRows(long vocabulary) => Math.Max(1, logitsByteLimit / (sizeof(float) * vocabulary));

    // The logits, and tanh of them where they are capped: what its derivative needs.
    private (Tensor Logits, Tensor? Tanh) Shaped(Tensor logits)
    {
        if (config.LogitScale != 1) logits = logits.Times(config.LogitScale);
        if (config.LogitCap is not { } cap) return (logits, null);
        var tanh = logits.Over(cap).tanh();
        return (tanh.Times(cap), tanh);
    }

    // The sum of the losses in fp64, as in HeadTemplate.
    private Tensor ForEachChunk(Tensor normed_NH, Tensor projection_VH, DeviceBatch batch, double? scale, Action<long, Tensor, Tensor>? visit)
    {
        var labels_N = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
        var lossSum = zeros([], float64, normed_NH.device);
        var size = ChunkRows(projection_VH.shape[0]);
        for (long start = 0; start < normed_NH.shape[0]; start += size)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(size, normed_NH.shape[0] - start);
            var x_CH = normed_NH.narrow(0, start, count);
            var (logits_CV, tanh_CV) = Shaped(linear(x_CH, projection_VH));
            var (gradient_CV, losses_C) = batch.Operators.CrossEntropy(logits_CV, labels_N.narrow(0, start, count), scale);
            lossSum.AddInPlace(losses_C.sum(float64));
            if (gradient_CV is null || visit is null) continue;
            if (tanh_CV is not null) gradient_CV *= tanh_CV.Squared().SubtractedFrom(1);
            if (config.LogitScale != 1) gradient_CV = gradient_CV.Times(config.LogitScale);
            visit(start, x_CH, gradient_CV);
        }

        return lossSum;
    }
}
