using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: N labelled tokens, H hidden, V vocabulary.

/// <summary>
/// The head of a <see cref="DenseConfig"/>: any norm, logits scaled and capped. As <see cref="HeadTemplate"/>, it computes labelled tokens
/// alone and their logits a chunk at a time; the norm's backward is derived by autograd.
/// </summary>
internal sealed class DenseHeadTemplate(DenseConfig config, long logitsByteLimit = HeadTemplate.DefaultLogitsByteLimit) : IHeadTemplate
{
    private readonly string _projection = config.TiedHead ? Roles.Embedding : Roles.Head;
    private readonly LogitChunks _chunks = new(logitsByteLimit, config.LogitScale, config.LogitCap);

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) =>
        Differentiate(parameters, gradients, hidden, batch, lossScale, null);

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Tensor lossScales) =>
        Differentiate(parameters, gradients, hidden, batch, 1, lossScales);

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.LossSum(Normed(parameters, batch.LabelledRows(hidden)), parameters[_projection], batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.LogProbabilities(Normed(parameters, batch.LabelledRows(hidden)), parameters[_projection], batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.Logits(Normed(parameters, hidden), parameters[_projection]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var projection = unit.Parameters.First(slot => slot.Role == _projection);
        // The rows that have labels, normed, and the norm's graph.
        return _chunks.WorkingBytes(projection, batch) + (6 * projection.Shape[1] * (batch.TokenBytes + batch.WideTokenBytes));
    }

    private HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale, Tensor? scales_N)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var leaves = parameters.AsLeaves();
        var input_NH = batch.LabelledRows(hidden).requires_grad_();
        Tensor graph_NH;
        using (enable_grad()) graph_NH = Normed(leaves, input_NH);
        var (lossSum, normedGradient_NH) = _chunks.Differentiate(graph_NH.detach(), parameters[_projection], gradients?[_projection], batch, lossScale, scales_N);

        var norms = leaves.Used.ToList();
        var found = autograd.grad([graph_NH], [input_NH, .. norms.Select(leaf => leaf.View)], [normedGradient_NH]);
        if (gradients is not null)
        {
            var written = norms.Select(leaf => leaf.First).Append(_projection).ToHashSet();
            foreach (var unused in gradients.Layout.Parameters.Where(slot => !written.Contains(slot.Role))) gradients[unused.Role].zero_();
            foreach (var (leaf, gradient) in norms.Zip(found.Skip(1))) gradients[leaf.First].copy_(gradient);
        }

        return new HeadResult(lossSum.MoveToOuterDisposeScope(), LogitChunks.InPlace(found[0], hidden, batch).MoveToOuterDisposeScope());
    }

    // What was carried along for the layers ends here.
    private Tensor Normed(ParameterViews parameters, Tensor x) =>
        DenseNorm.Apply(config, parameters, Roles.FinalNorm, config.PerLayerWidth > 0 ? x.narrow(-1, 0, config.HiddenSize) : x);
}
