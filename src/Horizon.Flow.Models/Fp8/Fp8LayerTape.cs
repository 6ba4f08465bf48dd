using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Fp8;

// Letters: T tokens, H hidden, N all heads, D head width, C query heads * head width.

/// <summary>
/// One decoder layer's forward and backward as <see cref="DecoderLayerTape"/> has them, its products in fp8: each one's input and the gradient of
/// its output are rounded once, and transposed in the same pass for the gradient of the weights. A tape whose output was taken lets the transposed
/// inputs go and makes them again, and holds what it keeps of the feed-forward in fp8.
/// </summary>
internal sealed class Fp8LayerTape : DecoderTape
{
    private readonly Fp8Products _products;
    private readonly long[] _shape;
    private readonly Tensor _input_TH;
    private readonly Tensor _firstInverse;
    private readonly Tensor? _firstMaximum;
    private readonly HeadAttention _attention;
    private readonly Tensor _hidden_TH;
    private readonly Tensor _secondInverse;
    private readonly Tensor? _secondMaximum;
    private readonly Fp8FeedForward _feedForward;
    private Fp8Matrix? _firstNorm_HT;
    private Fp8Matrix? _mixed_CT;
    private Fp8Matrix? _secondNorm_HT;

    /// <param name="config">Numbers of heads and widths.</param>
    /// <param name="rotary">The tables.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="options">How the products are computed.</param>
    /// <param name="parameters">The layer's weights.</param>
    /// <param name="input">[batch, sequence, hidden].</param>
    /// <param name="batch">Positions and mask.</param>
    /// <param name="backward">Whether there may be one.</param>
    public Fp8LayerTape(
        ModelConfig config, RotaryEmbedding rotary, int? slidingWindow, Fp8Options options, ParameterViews parameters, Tensor input, DeviceBatch batch, bool backward)
        : base(config, parameters)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _shape = input.shape;
        _products = new Fp8Products(options, batch.Operators);
        _input_TH = Kept(input.reshape(-1, input.shape[^1]));
        var cast = _products.Activation(straight: true, backward);
        var first = _products.Operators.Norm(_input_TH, null, parameters[Roles.InputNorm], config.NormEpsilon, cast);
        (_firstInverse, _firstMaximum) = (Kept(first.Inverse), first.Maximum?.DetachFromDisposeScope());
        var firstNorm = first.Output;
        _firstNorm_HT = firstNorm.Transposed?.Detach();
        var heads = _products.Forward(firstNorm.Straight!, parameters.Stacked(Roles.Query, Roles.Value), Bias(config.QueryKeyValueBias, Roles.QueryBias, Roles.ValueBias));
        firstNorm.Straight!.Dispose();
        _attention = new HeadAttention(config, rotary, parameters, heads, batch, slidingWindow);
        var mixed = _products.Activation(_attention.Output, straight: true, backward);
        _mixed_CT = mixed.Transposed?.Detach();
        var added = _products.Forward(mixed.Straight!, parameters[Roles.Output], Bias(config.AttentionOutputBias, Roles.OutputBias, Roles.OutputBias));
        mixed.Straight!.Dispose();
        var second = _products.Operators.Norm(_input_TH, added, parameters[Roles.PostAttentionNorm], config.NormEpsilon, cast);
        (_hidden_TH, _secondInverse, _secondMaximum) = (Kept(second.Sum), Kept(second.Inverse), second.Maximum?.DetachFromDisposeScope());
        added.Dispose();
        var secondNorm = second.Output;
        _secondNorm_HT = secondNorm.Transposed?.Detach();
        _feedForward = new Fp8FeedForward(config, _products, parameters, secondNorm.Straight!, backward);
    }

    /// <inheritdoc/>
    public override void Bind(ParameterViews? parameters)
    {
        base.Bind(parameters);
        _attention.Bind(Parameters);
        _feedForward.Bind(Parameters);
    }

    /// <inheritdoc/>
    public override Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (gradients is not null) _secondNorm_HT ??= NormAgain(_hidden_TH, _secondInverse, Roles.PostAttentionNorm, _secondMaximum);
        var dOutput_TH = outputGradient.reshape(-1, _shape[^1]);
        var dSecond_TH = _feedForward.Backward(dOutput_TH, _secondNorm_HT, gradients);
        Free(ref _secondNorm_HT);
        var dHidden_TH = _products.Operators.NormBackward(
            dSecond_TH, _hidden_TH, Parameters[Roles.PostAttentionNorm], _secondInverse, dOutput_TH, gradients?[Roles.PostAttentionNorm], out var maximum);
        dSecond_TH.Dispose();
        var dMixed_TC = BackThrough(dHidden_TH, maximum, Roles.Output, Roles.Output, gradients, ref _mixed_CT, () => Transposed(_attention.Output));
        BiasGradient(gradients, Config.AttentionOutputBias, Roles.OutputBias, Roles.OutputBias, dHidden_TH);
        var dHeads_TN = _attention.Backward(dMixed_TC, gradients, _products.Operators, out maximum);
        dMixed_TC.Dispose();
        var dFirst_TH = BackThrough(
            dHeads_TN, maximum, Roles.Query, Roles.Value, gradients, ref _firstNorm_HT, () => NormAgain(_input_TH, _firstInverse, Roles.InputNorm, _firstMaximum));
        BiasGradient(gradients, Config.QueryKeyValueBias, Roles.QueryBias, Roles.ValueBias, dHeads_TN);
        dHeads_TN.Dispose();
        var dInput_TH = _products.Operators.Between.NormBackward(
            dFirst_TH, _input_TH, Parameters[Roles.InputNorm], _firstInverse, dHidden_TH, gradients?[Roles.InputNorm]);
        return dInput_TH.view(_shape).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _attention.Dispose();
        _feedForward.Dispose();
        Release();
        foreach (var tensor in (ReadOnlySpan<Tensor?>)[_input_TH, _firstInverse, _firstMaximum, _hidden_TH, _secondInverse, _secondMaximum]) tensor?.Dispose();
    }

    // A product's two gradients: its weights' is written, its input's given. The input goes.
    private Tensor BackThrough(Tensor dY, Tensor? maximum, string first, string last, ParameterViews? gradients, ref Fp8Matrix? input, Func<Fp8Matrix> makeInput)
    {
        using var rounded = _products.Gradient(dY, gradients is not null, maximum);
        if (gradients is not null) _products.WeightGradient(rounded, input ??= makeInput(), gradients.Stacked(first, last));
        Free(ref input);
        return _products.InputGradient(rounded, Parameters.Stacked(first, last));
    }

    protected override Tensor ComputeOutput()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _feedForward.Output(_hidden_TH).view(_shape).DetachFromDisposeScope();
    }

    private Fp8Matrix NormAgain(Tensor x_TH, Tensor inverse, string role, Tensor? maximum) =>
        _products.Operators.NormAgain(x_TH, inverse, Parameters[role], maximum, _products.Activation(straight: false, transposed: true)).Transposed!.Detach();

    private Fp8Matrix Transposed(Tensor x) => _products.Activation(x, straight: false, transposed: true).Transposed!.Detach();

    protected override void Release()
    {
        Free(ref _firstNorm_HT);
        Free(ref _mixed_CT);
        Free(ref _secondNorm_HT);
    }

    private static void Free(ref Fp8Matrix? matrix)
    {
        matrix?.Dispose();
        matrix = null;
    }
}
