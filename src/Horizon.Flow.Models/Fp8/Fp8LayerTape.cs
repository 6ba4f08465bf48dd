using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Fp8;

// Letters: T tokens, H hidden, N all heads, D head width, C query heads * head width.

/// <summary>
/// One decoder layer's forward and backward as <see cref="DecoderLayerTape"/> has them, its products in fp8: each one's input and the gradient of
/// its output are rounded once, and transposed in the same pass for the gradient of the weights. A tape whose output was taken lets the transposed
/// inputs go and makes them again.
/// </summary>
internal sealed class Fp8LayerTape : DecoderTape
{
    private readonly IUnitOperators _operators;
    private readonly Fp8Products _products;
    private readonly long[] _shape;
    private readonly Tensor _input_TH;
    private readonly Tensor _firstInverse;
    private readonly HeadAttention _attention;
    private readonly Tensor _hidden_TH;
    private readonly Tensor _secondInverse;
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
        (_operators, _shape) = (batch.Operators, input.shape);
        _products = new Fp8Products(options, batch.Operators);
        _input_TH = Kept(input.reshape(-1, input.shape[^1]));
        var first = _products.Operators.Norm(_input_TH, null, parameters[Roles.InputNorm], config.NormEpsilon, out var maximum);
        _firstInverse = Kept(first.Inverse);
        var firstNorm = _products.Activation(first.Output, straight: true, backward, maximum);
        first.Output.Dispose();
        _firstNorm_HT = firstNorm.Transposed?.Detach();
        var heads = _products.Forward(firstNorm.Straight!, parameters.Stacked(Roles.Query, Roles.Value), Bias(config.QueryKeyValueBias, Roles.QueryBias, Roles.ValueBias));
        firstNorm.Straight!.Dispose();
        _attention = new HeadAttention(config, rotary, parameters, heads, batch, slidingWindow);
        var mixed = _products.Activation(_attention.Output, straight: true, backward);
        _mixed_CT = mixed.Transposed?.Detach();
        var added = _products.Forward(mixed.Straight!, parameters[Roles.Output], Bias(config.AttentionOutputBias, Roles.OutputBias, Roles.OutputBias));
        mixed.Straight!.Dispose();
        var second = _products.Operators.Norm(_input_TH, added, parameters[Roles.PostAttentionNorm], config.NormEpsilon, out maximum);
        (_hidden_TH, _secondInverse) = (Kept(second.Sum), Kept(second.Inverse));
        added.Dispose();
        var secondNorm = _products.Activation(second.Output, straight: true, backward, maximum);
        second.Output.Dispose();
        _secondNorm_HT = secondNorm.Transposed?.Detach();
        _feedForward = new Fp8FeedForward(config, _products, parameters, secondNorm.Straight!);
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
        if (gradients is not null) _secondNorm_HT ??= NormAgain(_hidden_TH, Roles.PostAttentionNorm);
        var dOutput_TH = outputGradient.reshape(-1, _shape[^1]);
        var dSecond_TH = _feedForward.Backward(dOutput_TH, _secondNorm_HT, gradients);
        Free(ref _secondNorm_HT);
        var dHidden_TH = _operators.NormBackward(
            dSecond_TH, _hidden_TH, Parameters[Roles.PostAttentionNorm], _secondInverse, dOutput_TH, gradients?[Roles.PostAttentionNorm]);
        dSecond_TH.Dispose();
        var dMixed_TC = BackThrough(dHidden_TH, Roles.Output, Roles.Output, gradients, ref _mixed_CT, () => Transposed(_attention.Output));
        BiasGradient(gradients, Config.AttentionOutputBias, Roles.OutputBias, Roles.OutputBias, dHidden_TH);
        var dHeads_TN = _attention.Backward(dMixed_TC, gradients);
        dMixed_TC.Dispose();
        var dFirst_TH = BackThrough(dHeads_TN, Roles.Query, Roles.Value, gradients, ref _firstNorm_HT, () => NormAgain(_input_TH, Roles.InputNorm));
        BiasGradient(gradients, Config.QueryKeyValueBias, Roles.QueryBias, Roles.ValueBias, dHeads_TN);
        dHeads_TN.Dispose();
        var dInput_TH = _operators.NormBackward(
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
        foreach (var tensor in (ReadOnlySpan<Tensor>)[_input_TH, _firstInverse, _hidden_TH, _secondInverse]) tensor.Dispose();
    }

    // A product's two gradients: its weights' is written, its input's given. The input goes.
    private Tensor BackThrough(Tensor dY, string first, string last, ParameterViews? gradients, ref Fp8Matrix? input, Func<Fp8Matrix> makeInput)
    {
        using var rounded = _products.Gradient(dY, gradients is not null);
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

    private Fp8Matrix NormAgain(Tensor x_TH, string role)
    {
        var norm = _products.Operators.Norm(x_TH, null, Parameters[role], Config.NormEpsilon, out var maximum);
        norm.Inverse.Dispose();
        using (norm.Output) return Transposed(norm.Output, maximum);
    }

    private Fp8Matrix Transposed(Tensor x, Tensor? maximum = null) => _products.Activation(x, straight: false, transposed: true, maximum).Transposed!.Detach();

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
