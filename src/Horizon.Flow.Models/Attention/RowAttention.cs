using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>
/// Whole rows by cuDNN, forward and backward. Its backward sums the queries' gradients in no fixed order: where the device is deterministic these are of a kernel of
/// its own, and the keys' and values' of cuDNN, which repeat their bits.
/// </summary>
internal sealed class RowAttention : IAttention
{
    private readonly HeadParts _heads;
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_BQSD;
    private readonly Tensor _sums_BQS;
    private readonly IRowAttention? _ordered;

    /// <param name="heads">Rotated bf16, as <see cref="Takes"/> says; kept.</param>
    /// <param name="batch">How many rows there are.</param>
    public RowAttention(HeadParts heads, DeviceBatch batch)
    {
        _heads = heads with { All_TND = heads.All_TND.detach().DetachFromDisposeScope() };
        _ordered = batch.Operators.IsDeterministic ? batch.Operators.RowAttention : null;
        _leaves = [Leaf(heads.Query), Leaf(heads.Key), Leaf(heads.Value)];
        using var scope = NewDisposeScope();
        using var grad = enable_grad();
        var found = AttentionOperators.CudnnForward(_leaves[0].transpose(1, 2), _leaves[1].transpose(1, 2), _leaves[2].transpose(1, 2), Scale);
        _mixed_BQSD = found[0].DetachFromDisposeScope();
        _sums_BQS = found[1].detach().squeeze(-1).contiguous().DetachFromDisposeScope();
        Output = _mixed_BQSD.detach().transpose(1, 2).reshape(-1, heads.Queries * heads.Width).contiguous().DetachFromDisposeScope();

        Tensor Leaf(Tensor part_TND) => part_TND.unflatten(0, batch.BatchSize, batch.SequenceLength).detach().requires_grad_().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    private double Scale => 1 / Math.Sqrt(_heads.Width);

    /// <summary>Whether cuDNN takes such rows, and the device what is to be in a fixed order.</summary>
    /// <param name="heads">The heads.</param>
    /// <param name="batch">Where documents lie, and what the device can do.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    public static bool Takes(HeadParts heads, DeviceBatch batch, int? window) => FlashAttention.TakesRows(heads, batch, window)
        && (!batch.Operators.IsDeterministic || batch.Operators.RowAttention?.Takes(heads.Width, heads.All_TND.dtype) == true);

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var scope = NewDisposeScope();
        var (B, Q, S) = (_sums_BQS.shape[0], _sums_BQS.shape[1], _sums_BQS.shape[2]);
        var dMixed_BQSD = dOutput_TC.view(B, S, Q, -1).transpose(1, 2);
        var found = autograd.grad([_mixed_BQSD], _ordered is null ? _leaves : _leaves[1..], [dMixed_BQSD]).Select(gradient => gradient.flatten(0, 1));
        if (_ordered is not null)
        {
            using var noGrad = no_grad();
            found = found.Prepend(_ordered.QueryGradients(
                _heads.Query, _heads.Key, _heads.Value, Output.view(B * S, Q, -1), dOutput_TC.view(B * S, Q, -1), _sums_BQS, Scale));
        }

        return [.. found.Select(gradient => gradient.MoveToOuterDisposeScope())];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var leaf in _leaves) leaf.Dispose();
        _heads.All_TND.Dispose();
        _mixed_BQSD.Dispose();
        _sums_BQS.Dispose();
        Output.Dispose();
    }
}
