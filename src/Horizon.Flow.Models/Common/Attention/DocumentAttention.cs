using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Documents one by one (<see cref="DocumentMixing"/>) by the kernel that libtorch chooses: on every device, in every type.</summary>
internal sealed class DocumentAttention : IAttention
{
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_TC;
    private readonly bool _ordered;

    /// <param name="heads">Rotated; kept.</param>
    /// <param name="spans">Where the documents lie.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="ordered">Whether sums are in a fixed order.</param>
    public DocumentAttention(HeadParts heads, DocumentSpans spans, int? window, bool ordered)
    {
        _ordered = ordered;
        _leaves = [HeadParts.Leaf(heads.Query), HeadParts.Leaf(heads.Key), HeadParts.Leaf(heads.Value)];
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        using var order = DeterministicScope.Enter(heads.All_TND.device, ordered);
        var mixed_TQD = DocumentMixing.Mix(_leaves[0], _leaves[1], _leaves[2], spans, window, static (query, key, value, mask) =>
            scaled_dot_product_attention(query, key, value, attn_mask: mask, is_casual: mask is null));
        _mixed_TC = mixed_TQD.flatten(1).DetachFromDisposeScope();
        Output = _mixed_TC.detach().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var ordered = DeterministicScope.Enter(dOutput_TC.device, _ordered);
        return [.. autograd.grad([_mixed_TC], _leaves, [dOutput_TC])];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var leaf in _leaves) leaf.Dispose();
        _mixed_TC.Dispose();
        Output.Dispose();
    }
}
