using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;
using Result = Horizon.Flow.Models.Common.OperatorAccount.Result;

namespace Horizon.Flow.Models.Experts;

// Letters: T tokens, K experts of a token, N = T * K, H hidden, F width of an expert.

/// <summary>
/// Each token through its experts: rows are sorted by expert, go through it, and a token's K results come back to it by the inverse of the sorting. Sums have one order on every device, and no
/// token is dropped whatever the loads are. Where the device multiplies groups of rows (<see cref="IUnitOperators.MultipliesGroups"/>), all experts are two products, and the loads are known to the
/// device alone; elsewhere, and with adapters, each expert with rows is a product or two of its own.
/// </summary>
/// <remarks>How many rows each expert has is read by the host where experts go one by one, which on a GPU waits for the router.</remarks>
internal sealed class ExpertProducts(ExpertConfig config, Activation activation, AdapterConfig? adapter = null)
{
    /// <param name="parameters">The layer's.</param>
    /// <param name="x_TH">Tokens.</param>
    /// <param name="experts_TK">Their experts.</param>
    /// <param name="weights_TK">Of what these give.</param>
    /// <param name="operators">What the device can do.</param>
    /// <returns>[T, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_TH, Tensor experts_TK, Tensor weights_TK, IUnitOperators operators)
    {
        var results_TKH = Results(parameters, x_TH, experts_TK, operators);
        return (results_TKH.to(float32) * weights_TK.to(float32).unsqueeze(-1)).sum([1]).to(x_TH.dtype);
    }

    /// <param name="parameters">The layer's.</param>
    /// <param name="x_TH">Tokens.</param>
    /// <param name="experts_TK">Their experts.</param>
    /// <param name="operators">What the device can do.</param>
    /// <returns>[T, K, H]: what each expert gives.</returns>
    public Tensor Results(ParameterViews parameters, Tensor x_TH, Tensor experts_TK, IUnitOperators operators) =>
        Groups(parameters, x_TH, operators) ? Grouped(parameters, x_TH, experts_TK) : OneByOne(parameters, x_TH, experts_TK);

    /// <summary>What <see cref="Apply"/> makes and keeps.</summary>
    /// <param name="account">Of the layer.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="x">Tokens.</param>
    /// <returns>As wide as they are.</returns>
    public Result Account(OperatorAccount account, BatchShape batch, Result x)
    {
        var (hidden, inner, grouped) = (config.PerToken * x.Numbers, (double)config.PerToken * config.Width, batch.FusedOperators && adapter is null);
        // An expert's rows are counted up to a multiple.
        var padding = grouped ? (double)GroupedRows.CountOf(batch.Tokens * config.PerToken, config.Count) / (batch.Tokens * config.PerToken) : 1;
        for (var i = 0; i < 12; i++) account.Make(config.PerToken, wide: true, isKept: i < 4); // orders and places, 8 bytes each
        if (grouped)
        {
            account.Make(hidden);
            account.Make(hidden * padding);
        }

        var sorted = account.Make(hidden * padding);
        var results = config.ClampedGate is null
            ? account.Linear(account.Gated(activation, sorted, inner * padding), hidden * padding)
            : Clamped(account, sorted, hidden * padding, inner * padding);
        if (!grouped) results = account.Make(hidden); // put together
        results = account.Wide(account.Make(results.Numbers / padding));
        account.Make(config.PerToken, wide: true, isKept: true);
        account.Keep(results);
        account.Make(hidden, wide: true);
        return account.Narrow(account.Make(x.Numbers, wide: true));
    }

    // Products and their biases, and the gate between them.
    private static Result Clamped(OperatorAccount account, Result sorted, double hidden, double inner)
    {
        account.Linear(sorted, 2 * inner);
        account.Make(2 * inner, isKept: true);
        // Gate and up, which is bounded twice; the gate times alpha, its sigmoid, both; up and one; the product.
        foreach (var isKept in new[] { true, true, false, false, true, true, true, true }) account.Make(inner, isKept: isKept);
        account.Make(hidden);
        return account.Make(hidden);
    }

    // The kernel reads 16 bytes at a time.
    private bool Groups(ParameterViews parameters, Tensor x_TH, IUnitOperators operators)
    {
        if (adapter is not null || !operators.MultipliesGroups(x_TH.dtype)) return false;
        string[] roles = config is { ClampedGate: null, Fused: false } ? [Roles.ExpertGate(0), Roles.ExpertDown(0)] : [Roles.ExpertsGateUp, Roles.ExpertsDown];
        return x_TH.shape[1] % GroupedOperators.Alignment == 0 && config.Width % GroupedOperators.Alignment == 0
            && roles.All(role => parameters.Slots(role, role)[0].Offset % GroupedOperators.Alignment == 0);
    }

    // [T, K, H].
    private Tensor Grouped(ParameterViews parameters, Tensor x_TH, Tensor experts_TK)
    {
        var (rows, last) = (new GroupedRows(experts_TK, config.Count), config.Count - 1);
        var x_PH = rows.Spread(x_TH, config.PerToken);
        if (config.ClampedGate is { } gate)
        {
            Tensor Fused(string matrices, string biases, Tensor x) => GroupedOperators.Product(x, parameters[matrices], rows.Ends).Plus(Biases(parameters[biases], rows));
            return rows.Gather(Fused(Roles.ExpertsDown, Roles.ExpertsDownBias, Clamped(Fused(Roles.ExpertsGateUp, Roles.ExpertsGateUpBias, x_PH), gate)), config.PerToken);
        }

        Tensor Stacked(string all, string first, string end, Tensor x) => GroupedOperators.Product(
            x, (config.Fused ? parameters[all] : parameters.Stacked(first, end).view(config.Count, -1, x.shape[1])).transpose(1, 2), rows.Ends);
        var inner = Gated(Stacked(Roles.ExpertsGateUp, Roles.ExpertGate(0), Roles.ExpertUp(last), x_PH));
        return rows.Gather(Stacked(Roles.ExpertsDown, Roles.ExpertDown(0), Roles.ExpertDown(last), inner), config.PerToken);
    }

    // [P, out]: each group's bias, as a product with ones, so that its gradient is a sum of the group in fp32 and in one order.
    private static Tensor Biases(Tensor biases_EO, GroupedRows rows)
    {
        var first = zeros([rows.Count, GroupedOperators.Alignment], biases_EO.dtype, biases_EO.device);
        using (no_grad()) first.narrow(1, 0, 1).FillInPlace(1);
        return GroupedOperators.Product(first, nn.functional.pad(biases_EO.unsqueeze(1), [0, 0, 0, GroupedOperators.Alignment - 1]), rows.Ends);
    }

    // [T, K, H].
    private Tensor OneByOne(ParameterViews parameters, Tensor x_TH, Tensor experts_TK)
    {
        var (order_N, back_N, loads) = Sort(experts_TK);
        var sorted_NH = x_TH.index_select(0, order_N.With(config.PerToken, static (x, number) => x.div(number, RoundingMode.floor)));
        var (results, first) = (new List<Tensor>(), 0L);
        var compute = config.ClampedGate is { } gate ? Fused(parameters, gate) : config.Fused ? Fused(parameters) : (x, expert) => Separate(parameters, x, expert);
        for (var expert = 0; expert < loads.Length; expert++)
        {
            if (loads[expert] > 0) results.Add(compute(sorted_NH.narrow(0, first, loads[expert]), expert));
            first += loads[expert];
        }

        return cat(results, 0).index_select(0, back_N).view(x_TH.shape[0], config.PerToken, -1);
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

    private Tensor Separate(ParameterViews parameters, Tensor x, int expert) => Product(
        parameters, Roles.ExpertDown(expert), Roles.ExpertDown(expert), Gated(Product(parameters, Roles.ExpertGate(expert), Roles.ExpertUp(expert), x)));

    private Tensor Product(ParameterViews parameters, string first, string last, Tensor x) =>
        AdapterProducts.Add(adapter, parameters, first, last, x, linear(x, parameters.Stacked(first, last)));

    // [rows, F] of [rows, 2F].
    private Tensor Gated(Tensor both) => Curve.Apply(activation, both.narrow(-1, 0, config.Width)) * both.narrow(-1, config.Width, config.Width);

    // The same where channels of gate and up come by turns.
    private static Tensor Clamped(Tensor both, (double Alpha, double Limit) gate)
    {
        var pairs = both.view(both.shape[0], -1, 2);
        var gated = pairs.select(-1, 0).With(gate.Limit, static (y, limit) => y.clamp_max(limit));
        var up = pairs.select(-1, 1).With(gate.Limit, static (y, limit) => y.clamp_max(limit)).With(-gate.Limit, static (y, limit) => y.clamp_min(limit));
        return up.Plus(1) * (gated * gated.Times(gate.Alpha).sigmoid());
    }

    private Func<Tensor, int, Tensor> Fused(ParameterViews parameters)
    {
        var (inputs, outputs) = (parameters[Roles.ExpertsGateUp].unbind(), parameters[Roles.ExpertsDown].unbind());
        return (x, expert) => linear(Gated(linear(x, inputs[expert])), outputs[expert]);
    }

    // The tensors are taken apart once, so that backward puts their gradients together once.
    private static Func<Tensor, int, Tensor> Fused(ParameterViews parameters, (double Alpha, double Limit) gate)
    {
        var (inputs, inputBiases) = (parameters[Roles.ExpertsGateUp].unbind(), parameters[Roles.ExpertsGateUpBias].unbind());
        var (outputs, outputBiases) = (parameters[Roles.ExpertsDown].unbind(), parameters[Roles.ExpertsDownBias].unbind());
        return (x, expert) => Clamped(x.matmul(inputs[expert]).Plus(inputBiases[expert]), gate).matmul(outputs[expert]).Plus(outputBiases[expert]);
    }
}
