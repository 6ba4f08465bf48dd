using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Experts;

// Letters: L layers with experts, T tokens, E experts, K experts of a token.

/// <summary>
/// What the routers of a model did in a micro-batch, left in the batch, on the device: how many tokens each expert of each layer got, and, for the load-balancing loss, how much of the softmax. A
/// layer writes it down in its first forward; from the head on all of it is there.
/// </summary>
/// <remarks>
/// The loss is transformers' <c>load_balancing_loss_func</c>, after the Switch Transformer (Fedus et al. 2021): E times the sum over the experts of f times p, where over the tokens of all
/// layers together f is the mean number of times that an expert is among the K likeliest, and p its mean softmax. Only p has a gradient, and it is known layer by layer: factor * E * f / (L T)
/// for each token's softmax. So no layer needs another's values in backward but these counts.
/// </remarks>
/// <param name="config">The experts.</param>
/// <param name="layers">The layers that have them.</param>
internal sealed class ExpertLedger(ExpertConfig config, IReadOnlyList<int> layers)
{
    private const int Loads = 0;
    private const int Counts = 1;
    private const int Sums = 2;

    /// <summary>L and E.</summary>
    public (int Layers, int Experts) Shape => (layers.Count, config.Count);

    /// <summary>Whether there is a load-balancing loss.</summary>
    public bool Balances => config.Balancing > 0;

    /// <summary>K.</summary>
    public int PerToken => config.PerToken;

    /// <summary>The loads of parts, where experts are in several.</summary>
    public PartLoads Parts { get; } = new();

    /// <summary>Writes a layer's routing down.</summary>
    /// <param name="layer">Its number.</param>
    /// <param name="batch">Where.</param>
    /// <param name="logits_TE">The router's.</param>
    /// <param name="experts_TK">Its choice.</param>
    /// <param name="losses">Takes what the layer adds to the loss.</param>
    public void Write(int layer, DeviceBatch batch, Tensor logits_TE, Tensor experts_TK, ICollection<OwnLoss> losses)
    {
        Parts.Forget(layer, batch);
        if (!Balances && batch.Step is null) return;
        var store = batch.Store;
        var sums_E = Balances ? softmax(logits_TE, -1, float32).sum([0]) : null;
        batch.Shared((this, layer, store), () =>
        {
            var loads_E = Count(experts_TK);
            if (sums_E is null) return loads_E.unsqueeze(0);
            // Of sigmoid routers the choice is another one.
            return stack([loads_E, config.Router == RouterKind.Sigmoid ? Count(logits_TE.topk(config.PerToken).indexes) : loads_E, sums_E.detach()]);
        });
        if (sums_E is not null) losses.Add(new OwnLoss(sums_E, () => Slope(batch, store)));
    }

    /// <summary>[L, E] fp32: tokens of each expert; zeros for a layer that was not visited.</summary>
    public Tensor LoadsOf(DeviceBatch batch) =>
        stack([.. layers.Select(layer => batch.FindShared((this, layer, batch.Store)) is { } record ? record[Loads] : zeros([config.Count], float32, batch.InputIds.device))]);

    /// <summary>The micro-batch's part of the step's load-balancing loss, times its factor: a scalar.</summary>
    public Tensor LossOf(DeviceBatch batch)
    {
        if (!Records(batch, batch.Store).Any()) return zeros([], float32, batch.InputIds.device); // a program without these layers
        var total = Total(batch, batch.Store);
        return (total[Counts] * total[Sums]).sum().Times(Weight(batch, batch.Store));
    }

    // [E].
    private Tensor Slope(DeviceBatch batch, int store) => Total(batch, store)[Counts].Times(Weight(batch, store));

    // Several micro-batches: the mean over the step's tokens of each one's own loss.
    private double Weight(DeviceBatch batch, int store)
    {
        var rows = (double)Records(batch, store).Count() * batch.BatchSize * batch.SequenceLength;
        var share = batch.Step is { Tokens: > 0 } step ? (double)batch.TokenCount / step.Tokens : 1;
        return config.Balancing * config.Count * share / (rows * rows);
    }

    // [3, E], summed over the layers, when all have written.
    private Tensor Total(DeviceBatch batch, int store) => batch.Shared((this, "total", store), () => stack([.. Records(batch, store)]).sum([0]));

    private IEnumerable<Tensor> Records(DeviceBatch batch, int store) => layers.Select(layer => batch.FindShared((this, layer, store))).OfType<Tensor>();

    // [E] fp32; whole numbers, so exact in any order.
    private Tensor Count(Tensor experts) =>
        zeros([config.Count], float32, experts.device).scatter_add(0, experts.flatten(), ones([experts.numel()], float32, experts.device));
}
