using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: T tokens, P tokens of a piece, H hidden, F feed-forward width.

/// <summary>
/// The gated feed-forward of one layer, forward and backward. In one piece the outputs of gate and up stay for backward; cut into several, they are made
/// again there, a piece at a time, and weight gradients are summed over the pieces in their order, in fp32.
/// </summary>
internal sealed class FeedForward : IDisposable
{
    private readonly ModelConfig _config;
    private readonly IUnitOperators _operators;
    private readonly long _piece;
    private Tensor? _both_T2F;
    private ParameterViews _parameters;

    /// <param name="config">For the biases.</param>
    /// <param name="parameters">The layer's weights.</param>
    /// <param name="normed_TH">The input; not kept.</param>
    /// <param name="batch">How it is cut.</param>
    public FeedForward(ModelConfig config, ParameterViews parameters, Tensor normed_TH, DeviceBatch batch)
    {
        (_config, _parameters, _operators, _piece) = (config, parameters, batch.Operators, batch.PieceTokens);
        if (normed_TH.shape[0] <= _piece) _both_T2F = Both(normed_TH).DetachFromDisposeScope();
    }

    /// <summary>The same weights in another buffer.</summary>
    public void Bind(ParameterViews parameters) => _parameters = parameters;

    /// <summary>Lets the outputs of gate and up go; backward makes them again.</summary>
    public void Narrow()
    {
        _both_T2F?.Dispose();
        _both_T2F = null;
    }

    /// <summary>[T, H]: the sum of the residual and what comes out.</summary>
    /// <param name="hidden_TH">The residual.</param>
    /// <param name="normed_TH">The input.</param>
    public Tensor Output(Tensor hidden_TH, Tensor normed_TH)
    {
        var down_FH = _parameters[Roles.Down].t();
        if (_both_T2F is not null)
        {
            var gated_TF = _operators.Gate(_both_T2F);
            return WithBias(Adapted(Roles.Down, Roles.Down, gated_TF, hidden_TH.addmm(gated_TF, down_FH)));
        }

        var output_TH = hidden_TH.clone();
        ForEach(output_TH, (output_PH, part) =>
        {
            var gated_PF = _operators.Gate(Both(part(normed_TH)));
            Adapted(Roles.Down, Roles.Down, gated_PF, output_PH.addmm_(gated_PF, down_FH));
        });
        return WithBias(output_TH);
    }

    /// <summary>[T, H]: the gradient of the input; the weights' are written where they belong. What was kept is overwritten and freed.</summary>
    /// <param name="dOutput_TH">The gradient of <see cref="Output"/>.</param>
    /// <param name="normed_TH">The input.</param>
    /// <param name="gradients">Of the layer; null where they are not wanted.</param>
    public Tensor Backward(Tensor dOutput_TH, Tensor normed_TH, ParameterViews? gradients)
    {
        // With adapters these alone have gradients.
        var weights = _config.Adapter is null ? gradients : null;
        if (_config.FeedForwardBias) weights?[Roles.DownBias].copy_(dOutput_TH.sum([0]));
        using var down = weights is null ? null : new ProjectionGradient(weights[Roles.Down]);
        using var gateAndUp = weights is null ? null : new ProjectionGradient(weights.Stacked(Roles.Gate, Roles.Up));
        using var downAdapters = AdapterGradient.Of(_config.Adapter, _parameters, gradients, Roles.Down, Roles.Down);
        using var gateAndUpAdapters = AdapterGradient.Of(_config.Adapter, _parameters, gradients, Roles.Gate, Roles.Up);
        var bias = _config.FeedForwardBias ? weights?.Stacked(Roles.GateBias, Roles.UpBias) : null;
        var isCut = normed_TH.shape[0] > _piece;
        var dNormed_TH = isCut ? empty_like(normed_TH) : Piece(dOutput_TH, normed_TH, _both_T2F ?? Both(normed_TH));
        if (isCut)
        {
            using var biasSum = bias is null ? null : zeros_like(bias, float32);
            ForEach(dNormed_TH, (dNormed_PH, part) => dNormed_PH.copy_(Piece(part(dOutput_TH), part(normed_TH), Both(part(normed_TH)), biasSum)));
            if (biasSum is not null) bias!.copy_(biasSum);
        }

        down?.Write();
        gateAndUp?.Write();
        downAdapters?.Write();
        gateAndUpAdapters?.Write();
        return dNormed_TH;

        Tensor Piece(Tensor dOutput_PH, Tensor normed_PH, Tensor both_P2F, Tensor? biasSum = null)
        {
            // Views of what goes here must go with it, or its memory stays until the whole layer is done.
            using var scope = NewDisposeScope();
            using (var gated_PF = dOutput_PH.mm(_parameters[Roles.Down])) // first its gradient
            using (var narrow = downAdapters?.Narrow(dOutput_PH))
            {
                downAdapters?.AddTo(narrow!, gated_PF);
                _operators.GateBackward(gated_PF, both_P2F);
                down?.Add(dOutput_PH, gated_PF);
                downAdapters?.Add(narrow!, dOutput_PH, gated_PF);
            }

            gateAndUp?.Add(both_P2F, normed_PH);
            if (biasSum is not null) biasSum.AddInPlace(both_P2F.sum([0], type: float32));
            else bias?.copy_(both_P2F.sum([0]));
            var dNormed_PH = both_P2F.mm(_parameters.Stacked(Roles.Gate, Roles.Up));
            if (gateAndUpAdapters is not null)
            {
                using var narrow = gateAndUpAdapters.Narrow(both_P2F);
                gateAndUpAdapters.AddTo(narrow, dNormed_PH);
                gateAndUpAdapters.Add(narrow, both_P2F, normed_PH);
            }

            both_P2F.Dispose();
            return dNormed_PH.MoveToOuterDisposeScope();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _both_T2F?.Dispose();

    private Tensor Both(Tensor normed_PH) => Adapted(Roles.Gate, Roles.Up, normed_PH, linear(
        normed_PH, _parameters.Stacked(Roles.Gate, Roles.Up), _config.FeedForwardBias ? _parameters.Stacked(Roles.GateBias, Roles.UpBias) : null));

    private Tensor Adapted(string first, string last, Tensor input, Tensor output) => AdapterProducts.Add(_config.Adapter, _parameters, first, last, input, output);

    private Tensor WithBias(Tensor output_TH)
    {
        if (_config.FeedForwardBias) output_TH.AddInPlace(_parameters[Roles.DownBias]);
        return output_TH;
    }

    // Calls with each piece of a tensor [T, ...], and with what takes the same piece of another.
    private void ForEach(Tensor whole, Action<Tensor, Func<Tensor, Tensor>> visit)
    {
        for (long start = 0; start < whole.shape[0]; start += _piece)
        {
            using var scope = NewDisposeScope();
            var (first, count) = (start, Math.Min(_piece, whole.shape[0] - start));
            Tensor Part(Tensor x) => x.narrow(0, first, count);
            visit(Part(whole), Part);
        }
    }
}
