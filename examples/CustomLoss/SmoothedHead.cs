using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples;

// Letters: N labelled tokens, C tokens of a chunk, H hidden, V vocabulary.

/// <summary>
/// A head with a loss of its own, written with autograd on the logits of a chunk of tokens: cross-entropy against smoothed labels (Szegedy
/// et al., arXiv 1512.00567, section 7) plus a z-loss that keeps the logits from drifting (Chowdhery et al., arXiv 2204.02311, section 5).
/// Evaluation stays plain cross-entropy.
/// </summary>
/// <param name="plain">The model's own head, for evaluation, logits and log-probabilities.</param>
/// <param name="projection">The role of the output projection.</param>
/// <param name="normEpsilon">Added to the mean square in the final norm.</param>
/// <param name="smoothing">The part of each label that is spread over the vocabulary.</param>
/// <param name="zWeight">The weight of the squared log of the softmax's denominator.</param>
/// <param name="chunk">Tokens whose logits exist at once.</param>
public sealed class SmoothedHead(
    IHeadTemplate plain, string projection, double normEpsilon, double smoothing = 0.1, double zWeight = 1e-2, int chunk = 1024) : IHeadTemplate
{
    // <snippet>
    /// <summary>The sum of the losses of a chunk; autograd does the rest.</summary>
    public Tensor Loss(Tensor logits_CV, Tensor labels_C)
    {
        var denominator_C = logits_CV.logsumexp(-1);
        var label_C = logits_CV.gather(1, labels_C.unsqueeze(1)).squeeze(1);
        var crossEntropy_C = denominator_C - label_C.Times(1 - smoothing) - logits_CV.mean([-1]).Times(smoothing);
        return crossEntropy_C.Plus(denominator_C.Squared().Times(zWeight)).sum();
    }
    // </snippet>

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        using var scope = NewDisposeScope();
        using var leaves = parameters.AsLeaves();
        string[] roles = gradients is null ? [] : [Roles.FinalNorm, projection];
        var labels_N = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
        var input_NH = batch.LabelledRows(hidden);
        var inputGradient_NH = empty_like(input_NH);
        var lossSum = zeros([], float64, hidden.device);
        gradients?.Flat.zero_();
        for (long start = 0; start < input_NH.shape[0]; start += chunk)
        {
            using var chunkScope = NewDisposeScope();
            var count = Math.Min(chunk, input_NH.shape[0] - start);
            var x_CH = input_NH.narrow(0, start, count).detach().requires_grad_();
            using var withGraph = enable_grad();
            var loss = Loss(linear(RootMeanSquare.Norm(x_CH, leaves[Roles.FinalNorm], normEpsilon), leaves[projection]).to(float32), labels_N.narrow(0, start, count));
            var found = autograd.grad([loss.Times(lossScale)], [x_CH, .. roles.Select(role => leaves[role])]);
            using var noGraph = no_grad();
            lossSum.AddInPlace(loss.detach());
            inputGradient_NH.narrow(0, start, count).copy_(found[0]);
            for (var i = 0; i < roles.Length; i++) gradients![roles[i]].AddInPlace(found[i + 1]);
        }

        var inputGradient = zeros_like(hidden).view(-1, hidden.shape[^1]).index_copy_(0, batch.LabelledTokens, inputGradient_NH).view(hidden.shape);
        return new HeadResult(lossSum.DetachFromDisposeScope(), inputGradient.DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => plain.LossSum(parameters, hidden, batch);

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => plain.LogProbabilities(parameters, hidden, batch);

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden) => plain.Logits(parameters, hidden);

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        var weights = unit.Parameters.First(slot => slot.Role == projection);
        return (4 * Math.Min(batch.Tokens, chunk) * weights.Shape[0] * sizeof(float)) + (weights.Count * sizeof(float));
    }
}
