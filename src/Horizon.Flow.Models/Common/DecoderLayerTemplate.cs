using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: H hidden, F feed-forward width, D head width, C query heads * head width.

/// <summary>
/// A decoder layer of the Llama kind, as transformers computes it: h = x + attention(norm(x)), y = h + feed-forward(norm(h)),
/// with grouped-query attention, rotary embedding and SwiGLU; biases, norms on query and key heads and a sliding window as the
/// configuration says. Its backward is written out (<see cref="DecoderLayerTape"/>): weight gradients go straight into the flat
/// gradient, and what lies between the products is computed by the device's own operators.
/// </summary>
public sealed class DecoderLayerTemplate : IUnitTemplate
{
    private readonly ModelConfig _config;
    private readonly RotaryEmbedding _rotary;
    private readonly int? _slidingWindow;

    /// <summary>Creates the operators of all layers with this window.</summary>
    /// <param name="config">Numbers of heads and widths.</param>
    /// <param name="rotary">Shared by the layers of a model.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    public DecoderLayerTemplate(ModelConfig config, RotaryEmbedding rotary, int? slidingWindow)
    {
        _config = config;
        _rotary = rotary;
        _slidingWindow = slidingWindow;
    }

    /// <inheritdoc/>
    public bool BackwardNeedsWeights => true;

    /// <inheritdoc/>
    public bool IsEmbedding => false;

    /// <inheritdoc/>
    public bool CanBindTapes => true;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        using var tape = Recompute(parameters, input, batch);
        var output = tape.TakeOutput();
        scope.Attach(output);
        return output.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        return new DecoderLayerTape(_config, _rotary, _slidingWindow, parameters, input, batch);
    }

    /// <inheritdoc/>
    public long TapeBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var (H, F, D) = ((long)_config.HiddenSize, (long)_config.IntermediateSize, (long)_config.HeadDimension);
        var (C, normed) = (_config.HeadCount * D, _config.QueryKeyNorm ? HeadsOf(1, 1) * D : 0);
        // Both norms' outputs and the residual between; the heads, keys and values once for each query head, queries and keys before their
        // norms, the mixed values; gate and up.
        var numbers = (3 * H) + (HeadsOf(1, 2) * D) + Repeated(batch) + normed + C + (2 * F);
        // In fp32: the norms' inverses, and the logarithm of each softmax's sum.
        var wide = 2 + (_config.QueryKeyNorm ? HeadsOf(1, 1) : 0) + _config.HeadCount;
        return (numbers * batch.TokenBytes) + (wide * batch.WideTokenBytes);
    }

    /// <inheritdoc/>
    public long KeptTapeBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        // Without both norms' outputs, which are made again.
        return TapeBytes(unit, batch) - (2L * _config.HiddenSize * batch.TokenBytes);
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var (H, F, D) = ((long)_config.HiddenSize, (long)_config.IntermediateSize, (long)_config.HeadDimension);
        var C = _config.HeadCount * D;
        // The output's gradient and one more, and the product of gate and up; or, once the feed-forward's tensors are gone, what attention's backward adds to these.
        var attention = (3 * H) + (3 * C) + Repeated(batch) + (HeadsOf(1, 2) * D) - (2 * F);
        var numbers = Math.Max((2 * H) + F, attention) + (2 * D); // and the rotary tables
        // libtorch's own operators: the gate's backward and the norms' hold about this many fp32 tensors at once.
        var wide = batch.FusedOperators ? 0 : Math.Max(8 * F, 8 * H);
        return (numbers * batch.TokenBytes) + (wide * batch.WideTokenBytes);
    }

    // A kernel that goes by documents reads the key/value heads as they are.
    private long Repeated(BatchShape batch) =>
        _config.HeadCount == _config.KeyValueHeadCount || (batch.FusedOperators && (batch.Packed || _slidingWindow < batch.SequenceLength)) ? 0
            : 2L * _config.HeadCount * _config.HeadDimension;

    private long HeadsOf(int queries, int keys) => ((long)queries * _config.HeadCount) + ((long)keys * _config.KeyValueHeadCount);
}
