using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Fp8;

// Letters: T tokens, H hidden, F feed-forward width.

/// <summary>
/// The gated feed-forward of one layer with its products in fp8. The outputs of gate and up stay for backward, in the type of the weights until the output is
/// made, from then on in fp8 where the options say so.
/// </summary>
internal sealed class Fp8FeedForward : IDisposable
{
    private readonly ModelConfig _config;
    private readonly Fp8Products _products;
    private readonly bool _holds;
    private ParameterViews _parameters;
    private Tensor? _both_T2F;
    private Fp8Matrix? _held_T2F;

    /// <param name="config">For the biases.</param>
    /// <param name="products">In fp8.</param>
    /// <param name="parameters">The layer's weights.</param>
    /// <param name="normed_TH">The input; not kept.</param>
    /// <param name="backward">Whether there may be one.</param>
    public Fp8FeedForward(ModelConfig config, Fp8Products products, ParameterViews parameters, Fp8Matrix normed_TH, bool backward)
    {
        (_config, _products, _parameters) = (config, products, parameters);
        _holds = backward && products.Holds(config.IntermediateSize);
        var bias = config.FeedForwardBias ? parameters.Stacked(Roles.GateBias, Roles.UpBias) : null;
        _both_T2F = products.Forward(normed_TH, GateAndUp, bias).DetachFromDisposeScope();
    }

    private Tensor GateAndUp => _parameters.Stacked(Roles.Gate, Roles.Up);

    /// <summary>The same weights in another buffer.</summary>
    public void Bind(ParameterViews parameters) => _parameters = parameters;

    /// <summary>[T, H]: the sum of the residual and what comes out. Once.</summary>
    /// <param name="hidden_TH">The residual.</param>
    /// <exception cref="InvalidOperationException">It was made before, and what it is made of is held in fp8 since.</exception>
    public Tensor Output(Tensor hidden_TH)
    {
        if (_both_T2F is null) throw new InvalidOperationException("this tape gave its output, and holds in fp8 what it was made of");
        using var scope = NewDisposeScope();
        var gated_TF = _holds ? _products.Operators.GateAndHold(_both_T2F, out var maximum, out _held_T2F) : _products.Operators.Gate(_both_T2F, out maximum);
        if (_held_T2F is not null)
        {
            _held_T2F.Detach();
            _both_T2F.Dispose();
            _both_T2F = null;
        }

        using var rounded = _products.Activation(gated_TF, straight: true, transposed: false, maximum);
        gated_TF.Dispose();
        var output_TH = _products.Forward(rounded.Straight!, _parameters[Roles.Down], _config.FeedForwardBias ? _parameters[Roles.DownBias] : null);
        return output_TH.AddInPlace(hidden_TH).MoveToOuterDisposeScope();
    }

    /// <summary>[T, H]: the gradient of the input; the weights' are written where they belong. What was kept is overwritten and freed.</summary>
    /// <param name="dOutput_TH">The gradient of <see cref="Output"/>.</param>
    /// <param name="normed_HT">The input, transposed.</param>
    /// <param name="gradients">Of the layer; null where they are not wanted.</param>
    public Tensor Backward(Tensor dOutput_TH, Fp8Matrix? normed_HT, ParameterViews? gradients)
    {
        using var scope = NewDisposeScope();
        if (_config.FeedForwardBias) gradients?[Roles.DownBias].copy_(dOutput_TH.sum([0]));
        using var dOutput = _products.Gradient(dOutput_TH, gradients is not null);
        var gated_TF = _products.InputGradient(dOutput, _parameters[Roles.Down]); // first its gradient
        var bias = _config.FeedForwardBias ? gradients?.Stacked(Roles.GateBias, Roles.UpBias) : null;
        var (gated, dBoth) = _products.GateBackward(gated_TF, _both_T2F, _held_T2F, gradients is not null, bias);
        gated_TF.Dispose();
        Dispose();
        if (gradients is not null)
        {
            _products.WeightGradient(dOutput, gated!.Transposed!, gradients[Roles.Down]);
            gated.Dispose();
            dOutput.Dispose();
            _products.WeightGradient(dBoth, normed_HT!, gradients.Stacked(Roles.Gate, Roles.Up));
        }

        var dNormed_TH = _products.InputGradient(dBoth, GateAndUp);
        dBoth.Dispose();
        return dNormed_TH.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _both_T2F?.Dispose();
        _held_T2F?.Dispose();
    }
}
