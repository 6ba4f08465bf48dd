using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// A decoder layer put together from the parts that its unit has: norms before or after or both, one block after the other or both at once,
/// attention or a short convolution, a feed-forward network with or without a gate. Its backward is derived by autograd.
/// </summary>
internal sealed class DenseLayerTemplate : AutogradTemplate, IUnitTemplate
{
    private readonly DenseConfig _config;
    private readonly DenseAttention _attention;
    private readonly ShortConvolution _convolution;

    public DenseLayerTemplate(DenseConfig config, RotaryEmbedding? rotary, int? slidingWindow)
    {
        _config = config;
        _attention = new DenseAttention(config, rotary, slidingWindow);
        _convolution = new ShortConvolution(config);
    }

    /// <inheritdoc/>
    /// <value>An estimate from what the operators keep: the outputs of products and curves, norms in fp32, and scores where they are capped.</value>
    public long TapeBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var (outputs, norms) = (2 * Outputs(unit), 3 * (long)_config.HiddenSize * unit.Parameters.Count(slot => Roles.IsNorm(slot.Role)));
        return (outputs * batch.TokenBytes) + (norms * batch.WideTokenBytes) + ScoreBytes(batch, 3, 1);
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        return (Outputs(unit) * batch.TokenBytes) + (4L * Math.Max(_config.HiddenSize, _config.IntermediateSize) * batch.WideTokenBytes) + ScoreBytes(batch, 2, 2);
    }

    private long Outputs(UnitLayout unit) =>
        unit.Parameters.Where(slot => slot.Shape.Count == 2).Sum(slot => slot.Shape[_config.TransposedMatrices ? 1 : 0])
        + (2L * _config.HeadCount * _config.HeadDimension); // keys and values once for each query head

    // Scores of every pair of tokens, so many times in the unit's type and in fp32.
    private long ScoreBytes(BatchShape batch, int narrow, int wide) => _config.AttentionCap is null
        ? 0
        : _config.HeadCount * batch.SequenceLength * ((narrow * batch.TokenBytes) + (wide * batch.WideTokenBytes));

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        Tensor Norm(string role, Tensor x) => DenseNorm.ApplyIfThere(_config, parameters, role, x);

        var normed = Norm(Roles.InputNorm, input);
        var mixed = parameters.Contains(Roles.Convolution) ? _convolution.Apply(parameters, normed, batch) : _attention.Apply(parameters, normed, batch);
        mixed = Scaled(Norm(Roles.AttentionOutputNorm, mixed));
        if (_config.Parallel)
        {
            var second = _config.SharedNorm ? normed : Norm(Roles.PostAttentionNorm, input);
            return input.Plus(mixed).Plus(Scaled(FeedForward(parameters, second)));
        }

        var hidden = input.Plus(mixed);
        var fed = FeedForward(parameters, Norm(Roles.PostAttentionNorm, hidden));
        return hidden.Plus(Scaled(Norm(Roles.FeedForwardOutputNorm, fed)));
    }

    private Tensor FeedForward(ParameterViews parameters, Tensor x_BSH)
    {
        var inner = _config.IntermediateSize;
        if (!_config.Gated) return DenseLinear.Apply(_config, parameters, Roles.Down, Curve(DenseLinear.Apply(_config, parameters, Roles.Up, x_BSH)));
        var both = _config.FusedGateUp
            ? DenseLinear.Apply(_config, parameters, Roles.GateUp, x_BSH)
            : DenseLinear.Apply(_config, parameters, Roles.Gate, Roles.Up, x_BSH);
        return DenseLinear.Apply(_config, parameters, Roles.Down, Curve(both.narrow(-1, 0, inner)) * both.narrow(-1, inner, inner));
    }

    private Tensor Curve(Tensor x) => _config.Activation switch
    {
        Activation.Silu => x.silu(),
        Activation.Gelu => x.gelu(),
        _ => gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
    };

    private Tensor Scaled(Tensor x) => _config.ResidualScale == 1 ? x : x.Times(_config.ResidualScale);
}
