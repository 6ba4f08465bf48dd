using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Models.Common;

// Letters: B batch, S sequence, T = B * S tokens, Q query heads, K key/value heads, N = Q + 2 K, D head width.

/// <summary>
/// From the heads' projections to the mixed values: norms on query and key heads, rotation in place, causal attention. The attention's own
/// backward is the one that libtorch has for the kernel that it chose.
/// </summary>
internal sealed class HeadAttention : IDisposable
{
    private readonly ModelConfig _config;
    private ParameterViews _parameters;
    private readonly IUnitOperators _operators;
    private readonly Tensor _cosine;
    private readonly Tensor _sine;
    private readonly List<(string Role, long First, Tensor Raw, Tensor Inverse)> _norms = [];
    private readonly Tensor[] _leaves;
    private readonly Tensor _mixed_TC;

    /// <param name="config">Numbers of heads.</param>
    /// <param name="rotary">The tables.</param>
    /// <param name="parameters">The layer's weights.</param>
    /// <param name="heads_TN">[T, N * D]; overwritten and kept.</param>
    /// <param name="batch">Positions and mask.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    public HeadAttention(
        ModelConfig config, RotaryEmbedding rotary, ParameterViews parameters, Tensor heads_TN, DeviceBatch batch, int? slidingWindow)
    {
        (_config, _parameters, _operators) = (config, parameters, batch.Operators);
        var (Q, K, D) = (config.HeadCount, config.KeyValueHeadCount, config.HeadDimension);
        var heads_TND = heads_TN.view(-1, Q + (2 * K), D);
        (_cosine, _sine) = rotary.Tables(batch, heads_TN.dtype);
        if (config.QueryKeyNorm)
        {
            Norm(Roles.QueryNorm, heads_TND, 0, Q);
            Norm(Roles.KeyNorm, heads_TND, Q, K);
        }

        Rotate(heads_TND, backwards: false);
        var heads_BSND = heads_TND.view(batch.BatchSize, batch.SequenceLength, Q + (2 * K), D);
        var mask = batch.AttentionMask(slidingWindow);
        _leaves = [Leaf(heads_BSND, 0, Q), Leaf(heads_BSND, Q, K), Leaf(heads_BSND, Q + K, K)];
        using var grad = enable_grad();
        using var ordered = DeterministicScope.Enter(heads_TN.device); // the kernel that is chosen here is the one that backward uses
        var mixed_BQSD = scaled_dot_product_attention(
            _leaves[0].transpose(1, 2),
            RepeatHeads(_leaves[1], Q / K).transpose(1, 2),
            RepeatHeads(_leaves[2], Q / K).transpose(1, 2),
            attn_mask: mask,
            is_casual: mask is null);
        _mixed_TC = mixed_BQSD.transpose(1, 2).reshape(-1, Q * D).DetachFromDisposeScope();
        Output = _mixed_TC.detach().DetachFromDisposeScope();
    }

    /// <summary>[T, Q * D].</summary>
    public Tensor Output { get; }

    /// <summary>The same weights in another buffer.</summary>
    public void Bind(ParameterViews parameters) => _parameters = parameters;

    /// <summary>[T, N * D]: the gradient of the projections; the norms' own gradients are written where they belong.</summary>
    public Tensor Backward(Tensor dMixed_TC, ParameterViews? gradients)
    {
        var found = Differentiate(dMixed_TC);
        var dHeads_TND = cat(found, 2).flatten(0, 1);
        foreach (var part in found) part.Dispose();
        Rotate(dHeads_TND, backwards: true);
        foreach (var (role, first, raw, inverse) in _norms)
        {
            using var scope = NewDisposeScope();
            var part_TKD = dHeads_TND.narrow(1, first, raw.shape[0] / dHeads_TND.shape[0]);
            var gradient = _operators.NormBackward(
                part_TKD.clone().reshape(raw.shape), raw, _parameters[role], inverse, null, gradients?[role]);
            part_TKD.copy_(gradient.view(part_TKD.shape));
        }

        return dHeads_TND.flatten(1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var leaf in _leaves) leaf.Dispose();
        foreach (var (_, _, raw, inverse) in _norms)
        {
            raw.Dispose();
            inverse.Dispose();
        }

        _mixed_TC.Dispose();
        Output.Dispose();
    }

    private Tensor[] Differentiate(Tensor dMixed_TC)
    {
        using var ordered = DeterministicScope.Enter(dMixed_TC.device);
        return [.. autograd.grad([_mixed_TC], _leaves, [dMixed_TC])];
    }

    private void Norm(string role, Tensor heads_TND, long first, long count)
    {
        var part_TKD = heads_TND.narrow(1, first, count);
        var raw = part_TKD.clone().reshape(-1, heads_TND.shape[2]).DetachFromDisposeScope();
        var (_, output, inverse) = _operators.Norm(raw, null, _parameters[role], _config.NormEpsilon);
        part_TKD.copy_(output.view(part_TKD.shape));
        output.Dispose();
        _norms.Add((role, first, raw, inverse.DetachFromDisposeScope()));
    }

    private void Rotate(Tensor heads_TND, bool backwards) =>
        _operators.Rotate(heads_TND, _config.HeadCount + _config.KeyValueHeadCount, _cosine, _sine, backwards);

    private static Tensor Leaf(Tensor heads_BSND, long first, long count) =>
        heads_BSND.narrow(2, first, count).detach().requires_grad_().DetachFromDisposeScope();

    // Each key/value head serves `times` neighbouring query heads. Measured faster on a GPU than the kernels' own grouping.
    private static Tensor RepeatHeads(Tensor x_BSKD, long times)
    {
        if (times == 1) return x_BSKD;
        var (B, S, K, D) = (x_BSKD.shape[0], x_BSKD.shape[1], x_BSKD.shape[2], x_BSKD.shape[3]);
        return x_BSKD.unsqueeze(3).expand(B, S, K, times, D).reshape(B, S, K * times, D);
    }
}
