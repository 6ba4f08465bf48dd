using Horizon.Flow.Models.Common;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// A decoder layer put together from the parts that its unit has: norms before or after or both, one block after the other or both at once,
/// attention or a short convolution, a feed-forward network with or without a gate. Its backward is derived by autograd.
/// </summary>
internal sealed class DenseLayerTemplate : AutogradTemplate
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
        _ => GeluTanh(x),
    };

    // TorchSharp has no tanh form of its own.
    private static Tensor GeluTanh(Tensor x)
    {
        var wide = x.to(float32);
        var inner = wide.Plus((wide * wide * wide).Times(0.044715)).Times(Math.Sqrt(2 / Math.PI));
        return (wide * inner.tanh().Plus(1)).Times(0.5).to(x.dtype);
    }

    private Tensor Scaled(Tensor x) => _config.ResidualScale == 1 ? x : x.Times(_config.ResidualScale);
}
