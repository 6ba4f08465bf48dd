using Horizon.Flow;
using Horizon.Flow.Host;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Examples;

// Letters: N labelled tokens, C tokens of a chunk, H hidden, V vocabulary.

/// <summary>The final LayerNorm, the embedding's table as output projection, and cross-entropy, a chunk of tokens at a time.</summary>
/// <param name="epsilon">Added to the variance in the norm.</param>
/// <param name="chunk">Tokens whose logits exist at once.</param>
public sealed class Gpt2Head(double epsilon, int chunk = 1024) : IHeadTemplate
{
    private static readonly string[] Roles = ["ln_f.weight", "ln_f.bias", "wte.weight"];

    // <snippet>
    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var leaves = parameters.AsLeaves();
        string[] wanted = gradients is null ? [] : Roles;
        gradients?.Flat.zero_(); // the position table's stay zero
        var input_NH = batch.LabelledRows(hidden);
        var inputGradient_NH = empty_like(input_NH);
        var lossSum = zeros([], float64, hidden.device);
        foreach (var (first, count) in Chunks(input_NH.shape[0]))
        {
            using var chunkScope = NewDisposeScope();
            var x_CH = input_NH.narrow(0, first, count).detach().requires_grad_();
            using var withGraph = enable_grad();
            var loss = CrossEntropy(leaves, x_CH, batch, first);
            var found = autograd.grad([loss.Times(lossScale)], [x_CH, .. wanted.Select(role => leaves[role])]);
            using var noGraph = no_grad();
            lossSum.AddInPlace(loss.detach());
            inputGradient_NH.narrow(0, first, count).copy_(found[0]);
            for (var i = 0; i < wanted.Length; i++) gradients![wanted[i]].AddInPlace(found[i + 1]);
        }

        var inputGradient = zeros_like(hidden).view(-1, hidden.shape[^1]).index_copy_(0, batch.LabelledTokens, inputGradient_NH).view(hidden.shape);
        return new HeadResult(lossSum.MoveToOuterDisposeScope(), inputGradient.MoveToOuterDisposeScope());
    }
    // </snippet>

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGraph = no_grad();
        var (rows_NH, sum) = (batch.LabelledRows(hidden), zeros([], float64, batch.InputIds.device));
        foreach (var (first, count) in Chunks(rows_NH.shape[0]))
        {
            using var chunkScope = NewDisposeScope();
            sum.AddInPlace(CrossEntropy(parameters, rows_NH.narrow(0, first, count), batch, first));
        }

        return sum.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        using var scope = NewDisposeScope();
        var normed = layer_norm(hidden, [hidden.shape[^1]], parameters["ln_f.weight"], parameters["ln_f.bias"], epsilon);
        return linear(normed, parameters["wte.weight"]).to(float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var table = unit.Parameters.First(slot => slot.Role == "wte.weight");
        return (4 * Math.Min(batch.Tokens, chunk) * table.Shape[0] * sizeof(float)) + (table.Count * sizeof(float));
    }

    private Tensor CrossEntropy(ParameterViews parameters, Tensor x_CH, DeviceBatch batch, long first)
    {
        var labels_C = batch.Targets.flatten().index_select(0, batch.LabelledTokens.narrow(0, first, x_CH.shape[0]));
        return cross_entropy(Logits(parameters, x_CH), labels_C, reduction: nn.Reduction.Sum);
    }

    private IEnumerable<(long First, long Count)> Chunks(long tokens)
    {
        for (long first = 0; first < tokens; first += chunk) yield return (first, Math.Min(chunk, tokens - first));
    }
}
