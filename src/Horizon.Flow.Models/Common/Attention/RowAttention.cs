using Horizon.Flow.Native;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// Whole rows of equal length, each one document, by cuDNN or by the kernel that libtorch chooses; its backward is the one that libtorch has for that kernel.
/// </summary>
internal sealed class RowAttention : IAttention
{
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_TC;
    private readonly bool _ordered;

    /// <param name="heads">Rotated; kept.</param>
    /// <param name="rows">B.</param>
    /// <param name="ordered">Whether sums are in a fixed order; cuDNN's never are.</param>
    /// <param name="cudnn">Whether cuDNN computes, which reads fewer key/value heads as they are.</param>
    public RowAttention(HeadParts heads, long rows, bool ordered, bool cudnn = false)
    {
        _ordered = ordered;
        _leaves = [Leaf(heads.Query), Leaf(heads.Key), Leaf(heads.Value)];
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        using var order = DeterministicScope.Enter(heads.All_TND.device, ordered); // the kernel that is chosen here is the one that backward uses
        var mixed_BQSD = cudnn
            ? AtenOperators.CudnnForward(Part(0, 1), Part(1, 1), Part(2, 1), 1 / Math.Sqrt(heads.Width))[0]
            : scaled_dot_product_attention(Part(0, 1), Part(1, heads.Groups), Part(2, heads.Groups), is_casual: true);
        _mixed_TC = mixed_BQSD.transpose(1, 2).reshape(-1, heads.Queries * heads.Width).DetachFromDisposeScope();
        Output = _mixed_TC.detach().DetachFromDisposeScope();

        Tensor Leaf(Tensor part_TND) => HeadParts.Leaf(part_TND.unflatten(0, rows, part_TND.shape[0] / rows));
        Tensor Part(int leaf, long times) => HeadParts.Repeat(_leaves[leaf], times).transpose(1, 2);
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
