using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

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

    /// <summary>Numbers that are kept of each token.</summary>
    /// <param name="hidden">H.</param>
    public long KeptOf(long hidden) =>
        ((config.Balancing > 0 ? 3L : 2L) * config.Count) + (config.PerToken * ((4 * hidden) + (6L * config.Width))) + (5L * config.SharedWidth);

    /// <summary>Bytes of the rows between experts where the device multiplies groups: of their input, what is in between, and what they give.</summary>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    public long PaddingBytes(long hidden, BatchShape batch) =>
        GroupedRows.CountOf(0, config.Count) * ((2 * hidden) + (6L * config.Width)) * batch.Type.ByteSize();

    /// <summary>Bytes of the experts' gradients, which are there once more until they are written.</summary>
    public static long GradientBytes(UnitLayout unit, BatchShape batch) =>
        unit.Trained.Parameters.Where(slot => Roles.IsExpert(slot.Role)).Sum(slot => slot.Count) * batch.Type.ByteSize();

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
