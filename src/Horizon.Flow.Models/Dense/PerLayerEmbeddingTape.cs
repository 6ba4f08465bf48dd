using Horizon.Flow.Models.Common;
using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// Autograd derives what comes behind the tables' rows. The tables' own gradients are <see cref="RowGradient"/>s: autograd's would be as large as
/// the tables once more, and summed in bf16.
/// </summary>
internal sealed class PerLayerEmbeddingTape : IUnitTape
{
    private readonly PerLayerEmbeddingTemplate _template;
    private readonly DeviceBatch _batch;
    private readonly ParameterViews _leaves;
    private readonly Tensor[] _rows;

    public PerLayerEmbeddingTape(PerLayerEmbeddingTemplate template, ParameterViews parameters, DeviceBatch batch)
    {
        (_template, _batch, _leaves) = (template, batch, parameters.AsLeaves());
        using var scope = NewDisposeScope();
        _rows = [.. template.Rows(parameters, batch).Select(rows => rows.detach().requires_grad_().DetachFromDisposeScope())];
        using var grad = enable_grad();
        Output = template.Compute(_leaves, _rows, batch).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        if (gradients is null) return null;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var ordered = DeterministicScope.Enter(outputGradient.device, _batch.Operators.IsDeterministic);
        var used = _leaves.Used;
        var found = autograd.grad([Output], [.. _rows, .. used.Select(leaf => leaf.View)], [outputGradient]);
        gradients.Flat.zero_();
        foreach (var (leaf, gradient) in used.Zip(found.Skip(_rows.Length))) gradients[leaf.First].copy_(gradient);
        foreach (var ((role, scale), gradient) in _template.Tables.Zip(found))
            RowGradient.Write(gradients[role], _batch.InputIds.flatten(), gradient.to(float32).Times(PerLayerEmbeddingTemplate.Factor(scale, gradients)), _template.PaddingToken);
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        foreach (var rows in _rows) rows.Dispose();
        _leaves.Dispose();
    }
}
