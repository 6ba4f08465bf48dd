using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: T tokens, K experts of a token, N = T * K, H hidden, F width of an expert.

/// <summary>
/// Each token through its experts: rows are sorted by expert, each expert's rows go through it as one product, and a token's K results come back to it
/// by the inverse of the sorting. Sums have one order on every device, and no token is dropped whatever the loads are.
/// </summary>
/// <remarks>How many rows each expert has is read by the host, which on a GPU waits for the router.</remarks>
internal sealed class ExpertProducts(ExpertConfig config, Activation activation, AdapterConfig? adapter = null)
{
    /// <param name="parameters">The layer's.</param>
    /// <param name="x_TH">Tokens.</param>
    /// <param name="experts_TK">Their experts.</param>
    /// <param name="weights_TK">Of what these give.</param>
    /// <returns>[T, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_TH, Tensor experts_TK, Tensor weights_TK)
    {
        var (order_N, back_N, loads) = Sort(experts_TK);
        var sorted_NH = x_TH.index_select(0, order_N.With(config.PerToken, static (x, number) => x.div(number, RoundingMode.floor)));
        var (results, first) = (new List<Tensor>(), 0L);
        var compute = config.ClampedGate is { } gate ? Fused(parameters, gate) : (x, expert) => Separate(parameters, x, expert);
        for (var expert = 0; expert < loads.Length; expert++)
        {
            if (loads[expert] > 0) results.Add(compute(sorted_NH.narrow(0, first, loads[expert]), expert));
            first += loads[expert];
        }

        var results_TKH = cat(results, 0).index_select(0, back_N).view(x_TH.shape[0], config.PerToken, -1);
        return (results_TKH.to(float32) * weights_TK.to(float32).unsqueeze(-1)).sum([1]).to(x_TH.dtype);
    }

    private (Tensor Order, Tensor Back, long[] Loads) Sort(Tensor experts_TK)
    {
        using var noGrad = no_grad();
        var experts_N = experts_TK.flatten();
        var order_N = experts_N.sort(0, stable: true).Indices;
        using var loads = experts_N.bincount(null, config.Count).cpu();
        using var numbers = loads.data<long>();
        return (order_N, order_N.argsort(), numbers.ToArray());
    }

    private Tensor Separate(ParameterViews parameters, Tensor x, int expert)
    {
        var both = Product(parameters, Roles.ExpertGate(expert), Roles.ExpertUp(expert), x);
        var inner = Curve.Apply(activation, both.narrow(-1, 0, config.Width)) * both.narrow(-1, config.Width, config.Width);
        return Product(parameters, Roles.ExpertDown(expert), Roles.ExpertDown(expert), inner);
    }

    private Tensor Product(ParameterViews parameters, string first, string last, Tensor x) =>
        AdapterProducts.Add(adapter, parameters, first, last, x, linear(x, parameters.Stacked(first, last)));

    // The tensors are taken apart once, so that backward puts their gradients together once.
    private static Func<Tensor, int, Tensor> Fused(ParameterViews parameters, (double Alpha, double Limit) gate)
    {
        var (inputs, inputBiases) = (parameters[Roles.ExpertsGateUp].unbind(), parameters[Roles.ExpertsGateUpBias].unbind());
        var (outputs, outputBiases) = (parameters[Roles.ExpertsDown].unbind(), parameters[Roles.ExpertsDownBias].unbind());
        return (x, expert) =>
        {
            var pairs = x.matmul(inputs[expert]).Plus(inputBiases[expert]).view(x.shape[0], -1, 2);
            var gated = pairs.select(-1, 0).With(gate.Limit, static (y, limit) => y.clamp_max(limit));
            var up = pairs.select(-1, 1).With(gate.Limit, static (y, limit) => y.clamp_max(limit)).With(-gate.Limit, static (y, limit) => y.clamp_min(limit));
            return (up.Plus(1) * (gated * gated.Times(gate.Alpha).sigmoid())).matmul(outputs[expert]).Plus(outputBiases[expert]);
        };
    }
}
