using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Adapters;

// Letters: T tokens, G matrices with adapters, R rank, I in, O out.

/// <summary>The backward of <see cref="AdapterProducts"/>, written out; gradients of A and B are summed over pieces of tokens as those of the matrices are.</summary>
internal sealed class AdapterGradient : IDisposable
{
    private readonly AdapterConfig _adapter;
    private readonly ParameterViews _parameters;
    private readonly AdapterGroup _group;
    private readonly ProjectionGradient? _a;
    private readonly ProjectionGradient[] _b;

    private AdapterGradient(AdapterConfig adapter, ParameterViews parameters, ParameterViews? gradients, AdapterGroup group)
    {
        (_adapter, _parameters, _group) = (adapter, parameters, group);
        _a = gradients is null ? null : new ProjectionGradient(gradients.Stacked(group.A.First, group.A.Last));
        _b = gradients is null ? [] : [.. group.Parts.Select(part => new ProjectionGradient(gradients[AdapterLayout.RoleOfB(part.Role)]))];
    }

    /// <summary>For the matrices from one role to another; null where none has an adapter.</summary>
    /// <param name="adapter">Null for none.</param>
    /// <param name="parameters">The unit's.</param>
    /// <param name="gradients">Null where they are not wanted.</param>
    /// <param name="first">The first matrix of the product.</param>
    /// <param name="last">The last.</param>
    public static AdapterGradient? Of(AdapterConfig? adapter, ParameterViews parameters, ParameterViews? gradients, string first, string last) =>
        adapter is not null && AdapterGroup.Of(parameters.Layout, first, last) is { Parts.Count: > 0 } group ? new(adapter, parameters, gradients, group) : null;

    /// <summary>[T, G * R]: the gradient of x A^T.</summary>
    /// <param name="dOutput_TO">Of the product.</param>
    public Tensor Narrow(Tensor dOutput_TO)
    {
        var rank = _adapter.Rank;
        var narrow_TGR = empty([dOutput_TO.shape[0], _group.Parts.Count * rank], dOutput_TO.dtype, dOutput_TO.device);
        for (var i = 0; i < _group.Parts.Count; i++)
        {
            var (role, start, width) = _group.Parts[i];
            // beta 0: what was there is not read.
            narrow_TGR.narrow(1, i * rank, rank).addmm_(
                dOutput_TO.narrow(1, start, width), _parameters[AdapterLayout.RoleOfB(role)], beta: 0, alpha: (float)_adapter.Scale);
        }

        return narrow_TGR;
    }

    /// <summary>Adds the gradient of the input to that of the matrices' own product.</summary>
    /// <param name="narrow_TGR">See <see cref="Narrow"/>.</param>
    /// <param name="dInput_TI">Changed in place.</param>
    public void AddTo(Tensor narrow_TGR, Tensor dInput_TI) => dInput_TI.addmm_(narrow_TGR, _parameters.Stacked(_group.A.First, _group.A.Last));

    /// <summary>Adds the gradients of A and B, of some tokens.</summary>
    /// <param name="narrow_TGR">See <see cref="Narrow"/>.</param>
    /// <param name="dOutput_TO">Of the product.</param>
    /// <param name="x_TI">Its input.</param>
    public void Add(Tensor narrow_TGR, Tensor dOutput_TO, Tensor x_TI)
    {
        if (_a is null) return;
        _a.Add(narrow_TGR, x_TI);
        var down_TGR = AdapterProducts.Down(_parameters, _group, x_TI).TimesInPlace(_adapter.Scale);
        for (var i = 0; i < _group.Parts.Count; i++)
        {
            var (_, start, width) = _group.Parts[i];
            _b[i].Add(dOutput_TO.narrow(1, start, width), down_TGR.narrow(1, i * _adapter.Rank, _adapter.Rank));
        }
    }

    /// <summary>Completes the gradients of A and B.</summary>
    public void Write()
    {
        _a?.Write();
        foreach (var gradient in _b) gradient.Write();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _a?.Dispose();
        foreach (var gradient in _b) gradient.Dispose();
    }
}
