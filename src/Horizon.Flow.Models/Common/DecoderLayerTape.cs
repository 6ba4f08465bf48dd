using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: T tokens, H hidden, N all heads, D head width, C query heads * head width.

/// <summary>
/// One decoder layer's forward, and its backward written out: each product's two gradients are two products. A tape whose output was taken
/// lets go what a sweep of memory makes again (the norms' outputs), so that more layers can be kept; a narrowed one the outputs of gate and up, too. The gate's
/// output is never kept: its backward gives it too.
/// </summary>
internal sealed class DecoderLayerTape : DecoderTape
{
    private readonly IUnitOperators _operators;
    private readonly long[] _shape;
    private readonly Tensor _input_TH;
    private Tensor? _firstNorm_TH;
    private readonly Tensor _firstInverse;
    private readonly HeadAttention _attention;
    private readonly Tensor _hidden_TH;
    private Tensor? _secondNorm_TH;
    private readonly Tensor _secondInverse;
    private readonly FeedForward _feedForward;

    public DecoderLayerTape(
        ModelConfig config, RotaryEmbedding rotary, int? slidingWindow, ParameterViews parameters, Tensor input, DeviceBatch batch)
        : base(config, parameters)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        (_operators, _shape) = (batch.Operators, input.shape);
        _input_TH = Kept(input.reshape(-1, input.shape[^1]));
        var first = _operators.Norm(_input_TH, null, parameters[Roles.InputNorm], config.NormEpsilon);
        (_firstNorm_TH, _firstInverse) = (Kept(first.Output), Kept(first.Inverse));
        var heads = linear(_firstNorm_TH, parameters.Stacked(Roles.Query, Roles.Value), Bias(config.QueryKeyValueBias, Roles.QueryBias, Roles.ValueBias));
        AdapterProducts.Add(config.Adapter, parameters, Roles.Query, Roles.Value, _firstNorm_TH, heads);
        _attention = new HeadAttention(config, rotary, parameters, heads, batch, slidingWindow);
        var mixed = linear(_attention.Output, parameters[Roles.Output], Bias(config.AttentionOutputBias, Roles.OutputBias, Roles.OutputBias));
        AdapterProducts.Add(config.Adapter, parameters, Roles.Output, Roles.Output, _attention.Output, mixed);
        var second = _operators.Norm(_input_TH, mixed, parameters[Roles.PostAttentionNorm], config.NormEpsilon);
        (_hidden_TH, _secondNorm_TH, _secondInverse) = (Kept(second.Sum), Kept(second.Output), Kept(second.Inverse));
        _feedForward = new FeedForward(config, parameters, _secondNorm_TH, batch);
    }

    /// <inheritdoc/>
    public override void Narrow() => _feedForward.Narrow();

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
        MakeAgain();
        // With adapters these alone have gradients.
        var weights = Config.Adapter is null ? gradients : null;
        var dOutput_TH = outputGradient.reshape(-1, _shape[^1]);
        var dSecond_TH = _feedForward.Backward(dOutput_TH, _secondNorm_TH!, gradients);
        var dHidden_TH = _operators.NormBackward(
            dSecond_TH, _hidden_TH, Parameters[Roles.PostAttentionNorm], _secondInverse, dOutput_TH, weights?[Roles.PostAttentionNorm]);
        dSecond_TH.Dispose();
        Product(weights, Roles.Output, Roles.Output, dHidden_TH, _attention.Output);
        BiasGradient(weights, Config.AttentionOutputBias, Roles.OutputBias, Roles.OutputBias, dHidden_TH);
        var dMixed_TC = dHidden_TH.mm(Parameters[Roles.Output]);
        AdapterBackward(gradients, Roles.Output, Roles.Output, dHidden_TH, _attention.Output, dMixed_TC);
        var dHeads_TC = _attention.Backward(dMixed_TC, weights);
        Product(weights, Roles.Query, Roles.Value, dHeads_TC, _firstNorm_TH!);
        BiasGradient(weights, Config.QueryKeyValueBias, Roles.QueryBias, Roles.ValueBias, dHeads_TC);
        var dFirst_TH = dHeads_TC.mm(Parameters.Stacked(Roles.Query, Roles.Value));
        AdapterBackward(gradients, Roles.Query, Roles.Value, dHeads_TC, _firstNorm_TH!, dFirst_TH);
        var dInput_TH = _operators.NormBackward(
            dFirst_TH, _input_TH, Parameters[Roles.InputNorm], _firstInverse, dHidden_TH, weights?[Roles.InputNorm]);
        return dInput_TH.view(_shape).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _attention.Dispose();
        _feedForward.Dispose();
        foreach (var tensor in (ReadOnlySpan<Tensor?>)
            [_input_TH, _firstNorm_TH, _firstInverse, _hidden_TH, _secondNorm_TH, _secondInverse]) tensor?.Dispose();
    }

    protected override Tensor ComputeOutput()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _feedForward.Output(_hidden_TH, _secondNorm_TH!).view(_shape).DetachFromDisposeScope();
    }

    private void MakeAgain()
    {
        _firstNorm_TH ??= Kept(_operators.Norm(_input_TH, null, Parameters[Roles.InputNorm], Config.NormEpsilon).Output);
        _secondNorm_TH ??= Kept(_operators.Norm(_hidden_TH, null, Parameters[Roles.PostAttentionNorm], Config.NormEpsilon).Output);
    }

    // Adds to the gradient of the product's input, and writes those of A and B.
    private void AdapterBackward(ParameterViews? gradients, string first, string last, Tensor dOutput, Tensor input, Tensor dInput)
    {
        using var adapters = AdapterGradient.Of(Config.Adapter, Parameters, gradients, first, last);
        if (adapters is null) return;
        using var narrow = adapters.Narrow(dOutput);
        adapters.AddTo(narrow, dInput);
        adapters.Add(narrow, dOutput, input);
        adapters.Write();
    }

    // beta 0: what was in the gradient buffer is not read.
    private static void Product(ParameterViews? gradients, string first, string last, Tensor dOutput, Tensor input)
    {
        using var transposed = dOutput.t();
        gradients?.Stacked(first, last).addmm_(transposed, input, beta: 0);
    }

    protected override void Release()
    {
        Free(ref _firstNorm_TH);
        Free(ref _secondNorm_TH);
    }

    private static void Free(ref Tensor? tensor)
    {
        tensor?.Dispose();
        tensor = null;
    }
}
