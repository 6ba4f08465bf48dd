using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>Any norm of a <see cref="DenseConfig"/>, derived by autograd. What was carried along for the layers ends here.</summary>
internal sealed class DenseHeadNorm(DenseConfig config) : IHeadNorm
{
    /// <inheritdoc/>
    public Tensor Apply(ParameterViews parameters, Tensor x, IUnitOperators? operators) =>
        DenseNorm.Apply(config, parameters, Roles.FinalNorm, config.CarriedWidth > config.HiddenSize ? x.narrow(-1, 0, config.HiddenSize) : x);

    /// <inheritdoc/>
    public Tensor Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor x_NH, IUnitOperators operators, Func<Tensor, Tensor> rest)
    {
        using var leaves = parameters.AsLeaves();
        var leaf_NH = x_NH.detach().requires_grad_();
        Tensor normed_NH;
        using (enable_grad()) normed_NH = Apply(leaves, leaf_NH, operators);
        var used = leaves.Used;
        var found = autograd.grad([normed_NH], [leaf_NH, .. used.Select(leaf => leaf.View)], [rest(normed_NH.detach())]);
        foreach (var (leaf, gradient) in used.Zip(found.Skip(1))) gradients?[leaf.First].copy_(gradient);
        return found[0];
    }

    /// <inheritdoc/>
    /// <remarks>The rows that have labels, normed, and the norm's graph.</remarks>
    public long Bytes(long hidden, BatchShape batch) => 6 * hidden * (batch.TokenBytes + batch.WideTokenBytes);
}
