using Horizon.Flow.Models.Attention;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: B batch, S sequence, T = B * S tokens, Q query heads, K key/value heads, N = Q + 2 K, D head width.

/// <summary>
/// From the heads' projections to the mixed values: norms on query and key heads, rotation in place, causal attention.
/// </summary>
internal sealed class HeadAttention : IDisposable
{
    private readonly ModelConfig _config;
    private ParameterViews _parameters;
    private readonly IUnitOperators _operators;
    private readonly HeadRotation _rotation;
    private readonly List<(string Role, long First, Tensor Raw, Tensor Inverse)> _norms = [];
    private readonly IAttention _attention;

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
        _rotation = new HeadRotation(rotary, batch, heads_TN.dtype);
        if (config.QueryKeyNorm)
        {
            Norm(Roles.QueryNorm, heads_TND, 0, Q);
            Norm(Roles.KeyNorm, heads_TND, Q, K);
        }

        _rotation.Turn(heads_TND, Q + K);
        _attention = Attend(new HeadParts(heads_TND, Q, K), batch, slidingWindow);
    }

    /// <summary>[T, Q * D].</summary>
    public Tensor Output => _attention.Output;

    /// <summary>The same weights in another buffer.</summary>
    public void Bind(ParameterViews parameters) => _parameters = parameters;

    /// <summary>[T, N * D]: the gradient of the projections; the norms' own gradients are written where they belong.</summary>
    public Tensor Backward(Tensor dMixed_TC, ParameterViews? gradients)
    {
        var found = _attention.Backward(dMixed_TC);
        var dHeads_TND = _rotation.Join(found[0], found[1], found[2]);
        foreach (var part in found) part.Dispose();
        return Projections(dHeads_TND, gradients);
    }

    /// <summary>The same in front of products in fp8.</summary>
    /// <param name="dMixed_TC">The gradient of <see cref="Output"/>.</param>
    /// <param name="gradients">Of the layer; null where they are not wanted.</param>
    /// <param name="operators">Of the device.</param>
    /// <param name="maximum">Of the result; null where it was not found.</param>
    public Tensor Backward(Tensor dMixed_TC, ParameterViews? gradients, IFp8Operators operators, out Tensor? maximum)
    {
        var found = _attention.Backward(dMixed_TC);
        var (cosine, sine) = _rotation.Tables; // rows in pieces are not multiplied in fp8
        var dHeads_TND = operators.JoinHeads(found[0], found[1], found[2], cosine, sine, out maximum);
        foreach (var part in found) part.Dispose();
        if (_norms.Count > 0) maximum = null; // theirs come behind it
        return Projections(dHeads_TND, gradients);
    }

    // Back through the norms, in place.
    private Tensor Projections(Tensor dHeads_TND, ParameterViews? gradients)
    {
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
        _attention.Dispose();
        foreach (var (_, _, raw, inverse) in _norms)
        {
            raw.Dispose();
            inverse.Dispose();
        }
    }

    // Through a kernel that knows where each document begins, where there is one. Whole rows have no document to look for: cuDNN is the fastest for these, in a fixed order
    // where the device has what that takes.
    private static IAttention Attend(HeadParts heads, DeviceBatch batch, int? window)
    {
        if (window >= batch.SequenceLength) window = null;
        return RowAttention.Takes(heads, batch, window) ? new RowAttention(heads, batch)
            : FlashAttention.Takes(heads, batch) ? new FlashAttention(heads, batch, window)
            : new AutogradAttention(heads, batch, window);
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
}
