using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>A norm's gradients, written for each piece of the rows: summed in fp32 over the pieces and rounded once. A single piece stays as it is.</summary>
/// <param name="gradients">Where they are written.</param>
/// <param name="roles">Which ones; those that the unit has.</param>
internal sealed class NormGradients(ParameterViews gradients, IEnumerable<string> roles) : IDisposable
{
    private readonly string[] _roles = [.. roles.Where(gradients.Contains)];
    private Tensor[]? _sums;
    private int _pieces;

    /// <summary>Takes what a piece has written.</summary>
    public void Add()
    {
        _sums ??= [.. _roles.Select(role => zeros_like(gradients[role], float32).DetachFromDisposeScope())];
        _pieces++;
        foreach (var (role, sum) in _roles.Zip(_sums)) sum.AddInPlace(gradients[role]);
    }

    /// <summary>Writes the sums.</summary>
    public void Write()
    {
        if (_sums is null || _pieces == 1) return;
        foreach (var (role, sum) in _roles.Zip(_sums)) gradients[role].copy_(sum);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var sum in _sums ?? []) sum.Dispose();
    }
}
