using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;
using Result = Horizon.Flow.Models.Common.OperatorAccount.Result;

namespace Horizon.Flow.Models.Experts;

/// <summary>Router, experts and shared experts in place of a layer's feed-forward network; derived by autograd.</summary>
/// <param name="config">Numbers and widths.</param>
/// <param name="activation">f of the experts.</param>
/// <param name="ledger">Where the routing is written down.</param>
/// <param name="layer">The layer's number.</param>
/// <param name="adapter">Adapters; null for none.</param>
internal sealed class ExpertFeedForward(ExpertConfig config, Activation activation, ExpertLedger ledger, int layer, AdapterConfig? adapter = null)
{
    private readonly ExpertRouter _router = new(config);
    private readonly ExpertProducts _products = new(config, activation, adapter);

    /// <param name="parameters">The layer's.</param>
    /// <param name="x_BSH">Normed input.</param>
    /// <param name="batch">Where the routing is written down.</param>
    /// <param name="losses">Takes what the layer adds to the loss.</param>
    /// <param name="routed_BSH">What the router reads; null for the same.</param>
    /// <returns>[B, S, H].</returns>
    public Tensor Apply(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch, ICollection<OwnLoss> losses, Tensor? routed_BSH = null)
    {
        var x_TH = x_BSH.flatten(0, 1);
        var (experts, weights, logits) = _router.Choose(parameters, routed_BSH?.flatten(0, 1) ?? x_TH);
        ledger.Write(layer, batch, logits, experts, losses);
        var mixed = _products.Apply(parameters, x_TH, experts, weights, batch.Operators);
        if (config.SharedWidth > 0) mixed = mixed.Plus(Shared(parameters, x_TH));
        return mixed.view(x_BSH.shape);
    }

    /// <summary>The same where experts are in parts: what these read, and what they add to.</summary>
    /// <param name="parameters">The layer's.</param>
    /// <param name="hidden_BSH">What the layer's experts' results are added to.</param>
    /// <param name="x_BSH">Normed input.</param>
    /// <param name="batch">Where the routing is written down.</param>
    /// <param name="losses">Takes what the layer adds to the loss.</param>
    /// <returns>[B, S, carried] fp32, see <see cref="RoutedTokens"/>.</returns>
    public Tensor Route(ParameterViews parameters, Tensor hidden_BSH, Tensor x_BSH, DeviceBatch batch, ICollection<OwnLoss> losses)
    {
        var x_TH = x_BSH.flatten(0, 1);
        var (experts, weights, logits) = _router.Choose(parameters, x_TH);
        ledger.Write(layer, batch, logits, experts, losses);
        var sum_BSH = hidden_BSH.to(float32);
        if (config.SharedWidth > 0) sum_BSH = sum_BSH.Plus(Shared(parameters, x_TH).to(float32).view(x_BSH.shape));
        return new RoutedTokens(x_TH.shape[1], config.PerToken).Pack(sum_BSH, x_BSH, weights, experts);
    }

    /// <summary>What <see cref="Apply"/> makes and keeps, or <see cref="Route"/> where experts are in parts.</summary>
    /// <param name="account">Of the layer.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="x">Normed input.</param>
    /// <param name="routed">What the router reads; in parts, what is added to.</param>
    /// <returns>As wide as x.</returns>
    public Result Account(OperatorAccount account, BatchShape batch, Result x, Result routed)
    {
        var hidden = x.Numbers;
        _router.Account(account, config.Parts == 1 ? routed : x);
        if (config.Parts > 1)
        {
            account.Wide(routed);
            if (config.SharedWidth > 0)
            {
                account.Wide(Shared(account, x));
                account.Make(hidden, wide: true);
            }

            account.Wide(x);
            return account.Make(new RoutedTokens((long)hidden, config.PerToken).Width, wide: true);
        }

        var mixed = _products.Account(account, batch, x);
        if (config.SharedWidth == 0) return mixed;
        Shared(account, x);
        return account.Make(hidden);
    }

    /// <summary>What backward needs, bytes: an estimate.</summary>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    public long KeptBytes(long hidden, BatchShape batch) =>
        ((((config.Balancing > 0 ? 3L : 2L) * config.Count) + (2L * config.SharedWidth)) * batch.WideTokenBytes) + (3L * config.SharedWidth * batch.TokenBytes)
        + (config.Parts == 1 ? ExpertMemory.KeptBytes(config, hidden, batch) : new RoutedTokens(hidden, config.PerToken).Width * batch.WideTokenBytes);

    /// <summary>What forward needs beside, bytes: an estimate. Backward needs less, but for the experts' gradients.</summary>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    public long ForwardBytes(long hidden, BatchShape batch) => Beside(hidden, batch, ExpertMemory.WorkingBytes(config, hidden, batch));

    /// <summary>The same of backward.</summary>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    public long BackwardBytes(long hidden, BatchShape batch) => Beside(hidden, batch, ExpertMemory.BackwardBytes(config, hidden, batch));

    private long Beside(long hidden, BatchShape batch, long rows) => ((2L * config.SharedWidth) * batch.TokenBytes)
        + (config.Parts == 1 ? rows : 2 * new RoutedTokens(hidden, config.PerToken).Width * batch.WideTokenBytes);

    private Result Shared(OperatorAccount account, Result x)
    {
        var output = account.Linear(account.Gated(activation, x, config.SharedWidth), x.Numbers);
        return config.SharedGated ? account.Product(account.Make(account.Linear(x, 1).Numbers, isKept: true), output) : output;
    }

    private Tensor Shared(ParameterViews parameters, Tensor x_TH)
    {
        var both = Product(parameters, Roles.SharedGate, Roles.SharedUp, x_TH);
        var inner = Curve.Apply(activation, both.narrow(-1, 0, config.SharedWidth)) * both.narrow(-1, config.SharedWidth, config.SharedWidth);
        var output = Product(parameters, Roles.SharedDown, Roles.SharedDown, inner);
        return config.SharedGated ? linear(x_TH, parameters[Roles.SharedOpening]).sigmoid() * output : output;
    }

    private Tensor Product(ParameterViews parameters, string first, string last, Tensor x) =>
        AdapterProducts.Add(adapter, parameters, first, last, x, linear(x, parameters.Stacked(first, last)));
}
