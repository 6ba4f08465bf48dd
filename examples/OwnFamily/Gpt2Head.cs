using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples;

/// <summary>The final LayerNorm, the embedding's table as output projection, and cross-entropy; autograd derives the rest.</summary>
/// <param name="epsilon">Added to the variance in the norm.</param>
public sealed class Gpt2Head(double epsilon) : AutogradHead
{
    // <snippet>
    /// <inheritdoc/>
    protected override Tensor ComputeLossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var labels_N = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
        return cross_entropy(Project(parameters, batch.LabelledRows(hidden)), labels_N, reduction: nn.Reduction.Sum);
    }
    // </snippet>

    /// <inheritdoc/>
    public override Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        using var scope = NewDisposeScope();
        using var noGraph = no_grad();
        return Project(parameters, hidden).MoveToOuterDisposeScope();
    }

    private Tensor Project(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        var normed = layer_norm(hidden, [hidden.shape[^1]], parameters["ln_f.weight"], parameters["ln_f.bias"], epsilon);
        return linear(normed, parameters["wte.weight"]).to(float32);
    }
}
