using Horizon.Flow.Native;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Whole rows of equal length, each one document, by the kernel that libtorch chooses; its backward is the one that libtorch has for that kernel.</summary>
internal sealed class RowAttention : IAttention
{
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_TC;

    /// <param name="heads">Rotated; kept.</param>
    /// <param name="rows">B.</param>
    public RowAttention(HeadParts heads, long rows)
    {
        _leaves = [Leaf(heads.Query), Leaf(heads.Key), Leaf(heads.Value)];
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        using var ordered = DeterministicScope.Enter(heads.All_TND.device); // the kernel that is chosen here is the one that backward uses
        var mixed_BQSD = scaled_dot_product_attention(
            _leaves[0].transpose(1, 2),
            HeadParts.Repeat(_leaves[1], heads.Groups).transpose(1, 2),
            HeadParts.Repeat(_leaves[2], heads.Groups).transpose(1, 2),
            is_casual: true);
        _mixed_TC = mixed_BQSD.transpose(1, 2).reshape(-1, heads.Queries * heads.Width).DetachFromDisposeScope();
        Output = _mixed_TC.detach().DetachFromDisposeScope();

        Tensor Leaf(Tensor part_TND) => HeadParts.Leaf(part_TND.unflatten(0, rows, part_TND.shape[0] / rows));
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var ordered = DeterministicScope.Enter(dOutput_TC.device);
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
