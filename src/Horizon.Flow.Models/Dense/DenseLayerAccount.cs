using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Units;
using static TorchSharp.torch;
using Result = Horizon.Flow.Models.Common.OperatorAccount.Result;

namespace Horizon.Flow.Models.Dense;

// Letters: Q all query heads' width, K all key heads'.

/// <summary>The bytes of a <see cref="DenseLayerTemplate"/>'s forward and of its tape: <see cref="OperatorAccount"/> goes the layer's way.</summary>
internal sealed class DenseLayerAccount
{
    private readonly DenseConfig _config;
    private readonly UnitLayout _unit;
    private readonly BatchShape _batch;
    private readonly OperatorAccount _account;
    private readonly RotaryEmbedding? _rotary;
    private readonly int? _window;

    /// <param name="config">With the heads of this layer.</param>
    /// <param name="experts">Null where the layer has none.</param>
    /// <param name="delta">Null where the layer has no linear attention, whose rule is not counted here.</param>
    /// <param name="rotary">Null for none.</param>
    /// <param name="window">A token sees this many tokens; null for all.</param>
    /// <param name="unit">What the layer has.</param>
    /// <param name="batch">The micro-batch.</param>
    public DenseLayerAccount(DenseConfig config, ExpertFeedForward? experts, DeltaAttention? delta, RotaryEmbedding? rotary, int? window, UnitLayout unit, BatchShape batch)
    {
        (_config, _unit, _batch, _rotary, _account) = (config, unit, batch, rotary, new(batch));
        _window = window < batch.SequenceLength ? window : null;
        Layer(experts, delta);
        foreach (var rank in unit.Parameters.Where(AdapterLayout.IsA).Select(slot => slot.Shape[0])) _account.Make(rank, isKept: true);
    }

    /// <summary>What a tape holds beside its input.</summary>
    public long Kept => _account.Kept;

    /// <summary>What is there at the end of forward.</summary>
    public long Made => _account.Made;

    /// <summary>Whether scores are computed as they are, block by block. Types by their numbers: a plan alone has not loaded libtorch.</summary>
    public bool InBlocks => !_config.Sinks
        && BlockAttention.Takes(new(_config.AttentionScale ?? 0, _config.AttentionCap), _batch.Type == ElementType.Float32 ? ScalarType.Float32 : ScalarType.BFloat16, _batch.OnProcessor);

    private double Query => (double)_config.HeadCount * _config.HeadDimension;

    private double Key => (double)_config.KeyValueHeadCount * _config.HeadDimension;

    private bool Has(string role) => _unit.Parameters.Any(slot => slot.Role == role);

    private void Layer(ExpertFeedForward? experts, DeltaAttention? delta)
    {
        double width = _config.HiddenSize;
        var input = OperatorAccount.Given(width);
        var normed = NormIfThere(Roles.InputNorm, input);
        var mixed = Has(Roles.Convolution) ? Convolution(normed) : delta is not null ? Delta(normed, delta) : _config.Latent is { } latent ? Latent(normed, latent) : Attention(normed);
        Scaled(NormIfThere(Roles.AttentionOutputNorm, mixed));
        if (_config.Parallel)
        {
            Scaled(FeedForward(_config.SharedNorm ? normed : NormIfThere(Roles.PostAttentionNorm, input), experts));
            _account.Make(2 * width);
        }
        else
        {
            var hidden = _account.Make(width);
            var second = NormIfThere(Roles.PostAttentionNorm, hidden);
            if (_config.Experts is { Parts: > 1 } && experts is not null) experts.Account(_account, _batch, second, hidden);
            else
            {
                var fed = FeedForward(second, experts);
                if (_config.ExpertsBeside && experts is not null)
                {
                    NormIfThere(Roles.DenseOutputNorm, fed);
                    NormIfThere(Roles.ExpertOutputNorm, experts.Account(_account, _batch, NormIfThere(Roles.ExpertInputNorm, hidden), hidden));
                    fed = _account.Make(width);
                }

                Scaled(NormIfThere(Roles.FeedForwardOutputNorm, fed));
                _account.Make(width);
            }
        }

        if (_config.PerLayerWidth > 0) Said();
        if (_config.LayerScalar) _account.Make(width, isKept: true);
        if (_config.CarriedWidth > _config.HiddenSize) _account.Make(_config.CarriedWidth);
    }

    // What the embedding says to this layer.
    private void Said()
    {
        var gate = _account.Linear(OperatorAccount.Given(_config.HiddenSize), _config.PerLayerWidth);
        var opened = _account.Product(_account.Curve(_config.Activation, gate, _config.PerLayerWidth), OperatorAccount.Given(_config.PerLayerWidth));
        Norm(_account.Linear(opened, _config.HiddenSize));
        _account.Make(_config.HiddenSize);
    }

    private Result NormIfThere(string role, Result x) => Has(role) ? Norm(x) : x;

    private Result Norm(Result x)
    {
        if (_config.Norm == NormKind.Rms) return _account.RmsNorm(x);
        if (_config.Norm == NormKind.LayerNorm) return _account.LayerNorm(x);
        _account.Keep(_account.Unit(x));
        return _account.Narrow(_account.Make(x.Numbers, wide: true));
    }

    private Result Scaled(Result x) => _config.ResidualScale == 1 ? x : _account.Make(x.Numbers);

    private Result FeedForward(Result x, ExpertFeedForward? experts)
    {
        if (experts is not null && !_config.ExpertsBeside) return experts.Account(_account, _batch, x, x);
        double inner = _config.IntermediateSize;
        if (!_config.Gated) return _account.Linear(_account.Curve(_config.Activation, _account.Linear(x, inner), inner), _config.HiddenSize);
        return _account.Linear(_account.Gated(_config.Activation, x, inner), _config.HiddenSize);
    }

    private Result Attention(Result x)
    {
        if (_config.SharedKeys is { AreOwn: false })
        {
            var alone = _account.Linear(x, Query);
            if (_config.QueryKeyNorms == QueryKeyNormKind.Heads) alone = Norm(alone);
            var given = OperatorAccount.Given(Key);
            return _account.Linear(Mix(Rotated(alone, Query), given, given), _config.HiddenSize);
        }

        var opening = _config.GatedAttention ? Query : 0;
        var heads = _account.Linear(x, opening + Query + (_config.KeysAreValues ? Key : 2 * Key));
        // Parts of the same tensor: which of them is kept does not matter.
        var (query, key, value) = (heads, heads, heads);
        if (_config.ValueNorm) value = _account.Narrow(_account.Unit(Part(heads, Key)));
        if (_config.QueryKeyNorms is QueryKeyNormKind.Heads or QueryKeyNormKind.Whole) (query, key) = (NormOf(query, Query), NormOf(key, Key));
        (query, key) = (Rotated(query, Query), Rotated(key, Key));
        if (_config.QueryKeyNorms == QueryKeyNormKind.HeadsAfterRotation) (query, key) = (NormOf(query, Query), NormOf(key, Key));
        if (_config.QueryGrowth is not null) query = _account.Make(Query);
        if (_config.SharedKeys is not null) _account.Make(2 * Key);
        var mixed = Mix(query, key, value);
        if (_config.GatedAttention)
        {
            var gate = _account.Make(Query, isKept: true);
            mixed = _account.Product(mixed, gate);
        }

        return _account.Linear(mixed, _config.HiddenSize);
    }

    private Result NormOf(Result x, double width) => Norm(Part(x, width));

    // Of a norm's input: in fp32 a part of x is x itself, which the norm keeps.
    private Result Part(Result x, double width)
    {
        if (x.Numbers == width) return x;
        if (_batch.Type == ElementType.Float32) _account.Keep(x);
        return OperatorAccount.Given(width);
    }

    private Result Rotated(Result x, double width) => _rotary is null ? x : _account.Rotate(width, width * _config.Rope.RotatedWidth(_config.HeadDimension) / _config.HeadDimension);

    // As DenseAttention and CausalMixing choose.
    private Result Mix(Result query, Result key, Result value)
    {
        if (InBlocks)
        {
            foreach (var read in new[] { query, key, value }) _account.Keep(read);
            return _account.Make(Query);
        }

        return CausalAccount.Mix(_account, _batch, query, key, value, new(_config.HeadCount, _config.KeyValueHeadCount, _config.HeadDimension), _window, _config.AttentionScale is not null, _config.Sinks);
    }

    private Result Latent(Result x, LatentConfig latent)
    {
        double heads = _config.HeadCount;
        var query = latent.QueryRank is { } rank
            ? _account.Linear(_account.RmsNorm(_account.Linear(x, rank)), heads * latent.KeyWidth)
            : _account.Linear(x, heads * latent.KeyWidth);
        var compressed = _account.Linear(x, latent.KeyValueRank + latent.RotatedWidth);
        var wide = _account.Linear(_account.RmsNorm(Part(compressed, latent.KeyValueRank)), heads * (latent.PlainWidth + latent.ValueWidth));
        _account.Rotate(heads * latent.RotatedWidth, heads * latent.RotatedWidth);
        query = _account.Make(heads * latent.KeyWidth);
        _account.Rotate(latent.RotatedWidth, latent.RotatedWidth);
        var (key, value) = (_account.Make(heads * latent.KeyWidth), wide);
        if (latent.ValueWidth < latent.KeyWidth)
        {
            _account.Make(heads * (latent.KeyWidth - latent.ValueWidth));
            value = _account.Make(heads * latent.KeyWidth);
        }

        var mixed = CausalAccount.Mix(_account, _batch, query, key, value, new(_config.HeadCount, _config.HeadCount, latent.KeyWidth), _window, _config.AttentionScale is not null, sinks: false);
        if (latent.ValueWidth < latent.KeyWidth) mixed = _account.Make(heads * latent.ValueWidth);
        return _account.Linear(mixed, _config.HiddenSize);
    }

    private Result Convolution(Result x)
    {
        double width = _config.HiddenSize;
        var all = _account.Linear(x, 3 * width);
        var gated = _account.Make(width);
        _account.Keep(all);
        var sum = Taps(gated, _config.ConvolutionTaps);
        if (Has(Roles.BiasOf(Roles.Convolution))) sum = _account.Make(width);
        _account.Keep(sum);
        return _account.Linear(_account.Make(width), width);
    }

    // As DocumentTaps has them.
    private Result Taps(Result x, int taps)
    {
        _account.Keep(x);
        var sum = _account.Make(x.Numbers);
        if (!_batch.Packed && _batch.OnProcessor) return sum;
        for (var back = 1; back < taps; back++)
        {
            _account.Make(x.Numbers);
            _account.Make(x.Numbers, isKept: true);
            _account.Make(x.Numbers);
            sum = _account.Make(x.Numbers);
        }

        return sum;
    }

    // Projections alone.
    private Result Delta(Result x, DeltaAttention delta)
    {
        foreach (var slot in _unit.Parameters.Where(slot => slot.Shape.Count == 2 && slot.Shape[1] == _config.HiddenSize && DeltaAttention.Projections.Contains(slot.Role))) _account.Linear(x, slot.Shape[0]);
        if (delta.CopiesParts is var copied and > 0) _account.Make(copied);
        return _account.Linear(OperatorAccount.Given(0), _config.HiddenSize);
    }
}
