using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>As <see cref="CausalMixing"/> goes, on every device and in every type; its backward is the one that libtorch has for the kernel.</summary>
internal sealed class AutogradAttention : IAttention
{
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_TC;
    private readonly bool _ordered;

    /// <param name="heads">Rotated; kept.</param>
    /// <param name="batch">Where documents lie.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    public AutogradAttention(HeadParts heads, DeviceBatch batch, int? window)
    {
        _ordered = batch.Operators.IsDeterministic;
        _leaves = [Leaf(heads.Query), Leaf(heads.Key), Leaf(heads.Value)];
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        _mixed_TC = CausalMixing.Mix(_leaves[0], _leaves[1], _leaves[2], null, window, batch).reshape(-1, heads.Queries * heads.Width).DetachFromDisposeScope();
        Output = _mixed_TC.detach().DetachFromDisposeScope();

        Tensor Leaf(Tensor part_TND) => part_TND.unflatten(0, batch.BatchSize, batch.SequenceLength).detach().requires_grad_().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var ordered = DeterministicScope.Enter(dOutput_TC.device, _ordered);
        return [.. autograd.grad([_mixed_TC], _leaves, [dOutput_TC]).Select(Flat)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var leaf in _leaves) leaf.Dispose();
        _mixed_TC.Dispose();
        Output.Dispose();
    }

    // Only the view stays: whoever disposes it frees the memory.
    private static Tensor Flat(Tensor gradient_BSND)
    {
        using (gradient_BSND) return gradient_BSND.flatten(0, 1);
    }
}
