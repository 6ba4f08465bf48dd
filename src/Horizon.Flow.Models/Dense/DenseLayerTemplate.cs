using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// A decoder layer put together from the parts that its unit has: norms before or after or both, one block after the other or both at once,
/// attention, latent or linear attention or a short convolution, a feed-forward network with or without a gate, or experts. Its backward is derived by autograd, but for
/// linear attention by a device's kernels.
/// </summary>
internal sealed class DenseLayerTemplate : AutogradTemplate, IUnitTemplate
{
    // Operators that autograd runs back, one after another, read and write so many times what written ones do: fitted to two steps of Gemma 3 1B on H100s (docs/benchmarks/2026-11-26-plan.md).
    private const double ByAutograd = 6;

    private readonly DenseConfig _config;
    private readonly DenseAttention _attention;
    private readonly LatentAttention? _latent;
    private readonly DeltaAttention? _delta;
    private readonly ShortConvolution _convolution;
    private readonly ExpertFeedForward? _experts;

    private readonly int _layer;
    private readonly int? _slidingWindow;
    private readonly RotaryEmbedding? _rotary;

    /// <param name="config">With the heads of these layers.</param>
    /// <param name="rotary">Their rotation; null for none.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    /// <param name="layer">The layer's number; means something only where the embedding says something to each, or where there are experts.</param>
    /// <param name="ledger">Where the routing of experts is written down; null where there are none.</param>
    public DenseLayerTemplate(DenseConfig config, RotaryEmbedding? rotary, int? slidingWindow, int layer, ExpertLedger? ledger)
    {
        (_config, _layer, _slidingWindow, _rotary) = (config, layer, slidingWindow, rotary);
        LongestRecall = config.Delta is not null ? 0 : rotary?.LongestSteady ?? int.MaxValue; // a state of linear attention is not remembered
        _attention = new DenseAttention(config, rotary, slidingWindow);
        _latent = config.Latent is { } latent ? new LatentAttention(config, latent, rotary!, slidingWindow) : null;
        _delta = config.Delta is { } delta ? new DeltaAttention(config, delta) : null;
        _convolution = new ShortConvolution(config);
        Ledger = ledger;
        _experts = config.Experts is { } experts && ledger is not null ? new ExpertFeedForward(experts, config.Activation, ledger, layer, config.Adapter) : null;
    }

    /// <summary>Where the routing of the model's experts is written down; null where it has none.</summary>
    public ExpertLedger? Ledger { get; }

    /// <inheritdoc/>
    public override int LongestRecall { get; }

    /// <inheritdoc/>
    /// <value>What autograd keeps of the operators, and an estimate for linear attention.</value>
    public long TapeBytes(UnitLayout unit, BatchShape batch) => Memory(unit, batch).Tape;

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        var memory = Memory(unit, batch);
        return Math.Max(memory.Forward, memory.Backward);
    }

    /// <inheritdoc/>
    /// <value>The operators' results that the tape does not keep: temporaries go with their scope.</value>
    public long ForwardBytes(UnitLayout unit, BatchShape batch) => Memory(unit, batch).Forward;

    // On a device it is never less than measured steps have shown as a whole, in which attention's ordered sums are, and what the allocator splits.
    private (long Tape, long Forward, long Backward) Memory(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var delta = IsLinear(unit) ? _delta : null;
        var experts = HasExperts(unit) ? _experts : null;
        var account = new DenseLayerAccount(_config, experts, delta, _rotary, _slidingWindow, unit, batch);
        var (tape, blocks) = (
            account.Kept + (delta?.KeptBytes(batch) ?? 0),
            account.InBlocks ? BlockAttention.WorkingBytes(_config.HeadCount, (long)_config.KeyValueHeadCount * _config.HeadDimension, batch) : 0);
        // Backward takes most at its beginning, when the whole tape is there: the gradients of the output and of what is between gate and down, or of experts' rows and of half of them, or what
        // mixes tokens. At its end there is no tape, but every weight's gradient; of experts in one tensor their own, too.
        var mixing = (2L * _config.HiddenSize * batch.TokenBytes) + (delta is null ? 0 : delta.WorkingBytes(batch) + (long)(delta.CopiesParts * batch.TokenBytes));
        var ofExperts = ExpertMemory.GradientBytes(unit, batch);
        var gradients = (unit.Trained.ElementCount * batch.Type.ByteSize()) + (_config.Experts is { Fused: true } or { ClampedGate: not null } ? ofExperts : 0);
        long[] moments =
        [
            mixing + Math.Max(blocks, experts is null ? 0 : experts.BackwardBytes(_config.HiddenSize, batch) + (ofExperts / 2)),
            ((2L * _config.HiddenSize) + ((_config.Gated ? 3L : 2L) * _config.IntermediateSize)) * batch.TokenBytes,
            mixing + gradients - tape,
        ];
        var backward = moments.Max();
        var forward = account.Made - account.Kept + blocks;
        if (batch.OnProcessor) return (tape, forward, backward);
        var device = new DenseLayerEstimate(_config, experts, delta, unit, batch);
        return (Math.Max(tape, device.Tape), Math.Max(forward, device.Forward + blocks), Math.Max(backward, device.Backward + blocks));
    }

    /// <inheritdoc/>
    /// <value>Products, of experts those that a token is sent to, and attention where the layer has it.</value>
    public double ForwardOperations(UnitLayout unit, double context)
    {
        ArgumentNullException.ThrowIfNull(unit);
        var experts = _config.Experts is { } config ? (double)config.PerToken / config.Count : 1;
        var products = unit.Parameters.Where(slot => slot.Shape.Count > 1).Sum(slot => 2.0 * slot.Count * (Roles.IsExpert(slot.Role) ? experts : 1));
        var attends = unit.Parameters.All(slot => slot.Role is not (Roles.Convolution or Roles.DeltaDecay));
        return products + (attends ? AttentionOperations.Of(_config, _slidingWindow, context) : 0);
    }

    /// <inheritdoc/>
    public double NumbersBetween(UnitLayout unit, int hidden)
    {
        ArgumentNullException.ThrowIfNull(unit);
        var dense = unit.Parameters.Where(slot => slot.Shape.Count > 1 && !Roles.IsExpert(slot.Role)).Sum(slot => slot.Count) / (double)hidden;
        var experts = HasExperts(unit) && _config.Experts is { Parts: 1 } config ? ExpertMemory.NumbersBetween(config, hidden) + ((ForwardOperations(unit, 0) / (2.0 * hidden)) - dense) : 0;
        return (ByAutograd * dense) + experts + AdapterLayout.NumbersBetween(unit);
    }

    private bool HasExperts(UnitLayout unit) => _experts is not null && unit.Parameters.Any(slot => slot.Role == Roles.Router);

    private bool IsLinear(UnitLayout unit) => _delta is not null && unit.Parameters.Any(slot => slot.Role == Roles.DeltaDecay);

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => throw new NotSupportedException("a layer computes with a record");

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch, UnitRecord record)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(record);
        var (hidden, width, carried) = (input.narrow(-1, 0, _config.HiddenSize), (long)_config.PerLayerWidth, _config.CarriedWidth);
        var (output, shared) = Layer(parameters, carried > _config.HiddenSize ? hidden : input, batch, record, Shared(input));
        if (width > 0) output = output.Plus(Said(parameters, output, input.narrow(-1, _config.HiddenSize + (_layer * width), width)));
        if (_config.LayerScalar) output *= parameters[Roles.LayerScalar];
        if (carried == _config.HiddenSize) return output;
        if (shared is null) return cat([output, input.narrow(-1, _config.HiddenSize, carried - _config.HiddenSize)], -1);
        var (place, end) = (_config.SharedKeys!.Value.Place, _config.SharedKeys.Value.Place + _config.SharedKeys.Value.Width);
        return cat([output, input.narrow(-1, _config.HiddenSize, place - _config.HiddenSize), shared, input.narrow(-1, end, carried - end)], -1);
    }

    // Keys and values of an earlier layer, where this one uses them.
    private Tensor? Shared(Tensor input) => _config.SharedKeys is { AreOwn: false } keys ? input.narrow(-1, keys.Place, keys.Width) : null;

    // What the embedding says to this layer, through a gate that the hidden state opens.
    private Tensor Said(ParameterViews parameters, Tensor x_BSH, Tensor said_BSP)
    {
        var gate = Curve.Apply(_config.Activation, DenseLinear.Apply(_config, parameters, Roles.PerLayerGate, x_BSH));
        return DenseNorm.Apply(_config, parameters, Roles.PerLayerNorm, DenseLinear.Apply(_config, parameters, Roles.PerLayerProjection, gate * said_BSP));
    }

    private (Tensor Output, Tensor? Shared) Layer(ParameterViews parameters, Tensor input, DeviceBatch batch, UnitRecord record, Tensor? keys)
    {
        Tensor Norm(string role, Tensor x) => DenseNorm.ApplyIfThere(_config, parameters, role, x);

        var normed = Norm(Roles.InputNorm, input);
        Tensor? shared = null;
        var mixed = parameters.Contains(Roles.Convolution) ? _convolution.Apply(parameters, normed, batch)
            : _delta is not null && parameters.Contains(Roles.DeltaDecay) ? _delta.Apply(parameters, normed, batch, record)
            : _latent is not null ? _latent.Apply(parameters, normed, batch)
            : Attend();
        mixed = Scaled(Norm(Roles.AttentionOutputNorm, mixed));
        if (_config.Parallel)
        {
            var second = _config.SharedNorm ? normed : Norm(Roles.PostAttentionNorm, input);
            return (input.Plus(mixed).Plus(Scaled(FeedForward(parameters, second, batch, record.Losses))), shared);
        }

        var hidden = input.Plus(mixed);
        if (_config.Experts is { Parts: > 1 } && _experts is not null && parameters.Contains(Roles.Router))
            return (_experts.Route(parameters, hidden, Norm(Roles.PostAttentionNorm, hidden), batch, record.Losses), shared);
        var fed = FeedForward(parameters, Norm(Roles.PostAttentionNorm, hidden), batch, record.Losses);
        if (_config.ExpertsBeside && _experts is not null && parameters.Contains(Roles.Router))
            fed = Norm(Roles.DenseOutputNorm, fed).Plus(Norm(Roles.ExpertOutputNorm, _experts.Apply(parameters, Norm(Roles.ExpertInputNorm, hidden), batch, record.Losses, hidden)));
        return (hidden.Plus(Scaled(Norm(Roles.FeedForwardOutputNorm, fed))), shared);

        Tensor Attend()
        {
            (var output, shared) = _attention.Apply(parameters, normed, batch, keys, record);
            return output;
        }
    }

    private Tensor FeedForward(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch, ICollection<OwnLoss> losses)
    {
        if (_experts is not null && !_config.ExpertsBeside && parameters.Contains(Roles.Router)) return _experts.Apply(parameters, x_BSH, batch, losses);
        var inner = _config.IntermediateSize;
        if (!_config.Gated) return DenseLinear.Apply(_config, parameters, Roles.Down, Curve.Apply(_config.Activation, DenseLinear.Apply(_config, parameters, Roles.Up, x_BSH)));
        var both = _config.FusedGateUp
            ? DenseLinear.Apply(_config, parameters, Roles.GateUp, x_BSH)
            : DenseLinear.Apply(_config, parameters, Roles.Gate, Roles.Up, x_BSH);
        return DenseLinear.Apply(_config, parameters, Roles.Down, Curve.Apply(_config.Activation, both.narrow(-1, 0, inner)) * both.narrow(-1, inner, inner));
    }

    private Tensor Scaled(Tensor x) => _config.ResidualScale == 1 ? x : x.Times(_config.ResidualScale);
}
