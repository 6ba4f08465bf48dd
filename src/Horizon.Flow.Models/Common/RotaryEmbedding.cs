using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// Rotary position embedding (Su et al. 2021): channel i turns together with channel i + width/2, as most of transformers has it, or
/// with its neighbour, over all of a head or its first channels. Angles, cosines and sines are fp32 whatever the activations are.
/// </summary>
public sealed class RotaryEmbedding
{
    private readonly RopeConfig _config;
    private readonly int _headDimension;
    private readonly int _width;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Tensor> _frequencies = [];

    /// <summary>Creates it; equal for all layers of a model, so that the tables of a batch are made once.</summary>
    /// <param name="config">Base and scaling.</param>
    /// <param name="headDimension">Width of a head; even.</param>
    public RotaryEmbedding(RopeConfig config, int headDimension)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _headDimension = headDimension;
        _width = config.RotatedWidth(headDimension);
    }

    /// <summary>The longest sequence in which a token turns alike however long the sequence is.</summary>
    public int LongestSteady => _config.Kind is RopeKind.LongRope or RopeKind.Dynamic ? _config.OriginalMaximumSequenceLength : int.MaxValue;

    /// <summary>Turns the heads of <paramref name="x"/> by their positions.</summary>
    /// <param name="x">[batch, sequence, heads, head width].</param>
    /// <param name="batch">The positions.</param>
    public Tensor Apply(Tensor x, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(batch);
        var (turned, rest) = (x.narrow(-1, 0, _width), _headDimension - _width);
        var (cosine, sine) = TablesOf(batch, x.dtype);
        var partners = _config.Interleaved
            ? turned.reshape(x.shape[0], x.shape[1], x.shape[2], _width / 2, 2).flip(-1).flatten(-2)
            : turned.roll(_width / 2, -1);
        var rotated = (turned * cosine).Plus(partners * sine);
        return rest == 0 ? rotated : cat([rotated, x.narrow(-1, _width, rest)], -1);
    }

    /// <summary>[tokens, 1, head width] each, for <see cref="IUnitOperators.Rotate"/>; owned by the batch.</summary>
    /// <param name="batch">The positions.</param>
    /// <param name="type">Of the heads.</param>
    public (Tensor Cosine, Tensor Sine) Tables(DeviceBatch batch, ScalarType type)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var (cosine, sine) = TablesOf(batch, type);
        return (batch.Shared((this, "cosines of tokens", type), () => cosine.flatten(0, 1)), batch.Shared((this, "sines of tokens", type), () => sine.flatten(0, 1)));
    }

    /// <summary>The same of some neighbouring tokens alone, in the caller's dispose scope: nothing is kept.</summary>
    /// <param name="batch">The positions.</param>
    /// <param name="type">Of the heads.</param>
    /// <param name="first">The first token of all rows' tokens.</param>
    /// <param name="count">How many.</param>
    internal (Tensor Cosine, Tensor Sine) Tables(DeviceBatch batch, ScalarType type, long first, long count)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var angles = (batch.Positions.flatten().narrow(0, first, count).to(float32).unsqueeze(-1) * FrequenciesFor(batch)).unsqueeze(1);
        return (Double(angles.cos(), negated: false, type).MoveToOuterDisposeScope(), Double(angles.sin(), negated: true, type).MoveToOuterDisposeScope());
    }

    /// <summary>[turned channels / 2] fp32 on the CPU: radians a token for each pair of channels, of sequences within the model's own context.</summary>
    public Tensor InverseFrequencies()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var plain = tensor((float)_config.Theta).pow(Exponents()).Dividing(1.0);
        return (_config.Kind switch
        {
            RopeKind.Linear => plain.Over(_config.Factor),
            RopeKind.Llama3 => Llama3(plain),
            RopeKind.Yarn => Yarn(plain),
            RopeKind.LongRope => plain / Row(_config.ShortFactors),
            RopeKind.Proportional => (plain * Row([.. Enumerable.Range(0, _width / 2).Select(pair => pair < (int)(_config.RotatedFraction * _width / 2) ? 1.0 : 0)])).Over(_config.Factor),
            _ => plain,
        }).DetachFromDisposeScope();
    }

    private Tensor Exponents() => TensorArithmetic.Range(_width, step: 2).to(float32).Over(_width);

    private static Tensor Row(IReadOnlyList<double> values) => tensor(values.Select(value => (float)value).ToArray());

    // Between the pairs that turn beta_fast and beta_slow times within the original context, from the kept frequency to the divided one.
    private Tensor Yarn(Tensor plain)
    {
        double Pair(double turns) => _width * Math.Log(_config.OriginalMaximumSequenceLength / (turns * 2 * Math.PI)) / (2 * Math.Log(_config.Theta));
        var (low, high) = (Pair(_config.BetaFast), Pair(_config.BetaSlow));
        if (_config.Truncate) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, _width - 1));
        if (low == high) high += 0.001; // as transformers does
        var divided = Row([.. Enumerable.Range(0, _width / 2).Select(pair => Math.Clamp((pair - low) / (high - low), 0, 1))]);
        return (plain.Over(_config.Factor) * divided).Plus(plain * divided.SubtractedFrom(1));
    }

    // The scaling of Llama 3.1: by wavelength, long ones divided, short ones kept, those between mixed.
    private Tensor Llama3(Tensor plain)
    {
        double original = _config.OriginalMaximumSequenceLength;
        var wavelength = plain.Dividing(2 * Math.PI);
        var kept = wavelength.Dividing(original).Minus(_config.LowFrequencyFactor).Over(_config.HighFrequencyFactor - _config.LowFrequencyFactor);
        var mixed = (kept.SubtractedFrom(1) * plain).Over(_config.Factor).Plus(kept * plain);
        var scaled = where(wavelength.With(original / _config.LowFrequencyFactor, static (x, bound) => x.gt(bound)), plain.Over(_config.Factor), mixed);
        return where(wavelength.With(original / _config.HighFrequencyFactor, static (x, bound) => x.lt(bound)), plain, scaled);
    }

    // [batch, sequence, 1, turned channels].
    private (Tensor Cosine, Tensor Sine) TablesOf(DeviceBatch batch, ScalarType type) => (
        batch.Shared((this, "cosine", type), () => Double(Angles(batch).cos(), negated: false, type)),
        batch.Shared((this, "sine", type), () => Double(Angles(batch).sin(), negated: true, type)));

    // [batch, sequence, 1, turned channels / 2] fp32.
    private Tensor Angles(DeviceBatch batch) =>
        (batch.Positions.to(float32).unsqueeze(-1) * FrequenciesFor(batch)).unsqueeze(2);

    // What depends on the longest sequence is chosen on the device: to ask for it would make the host wait.
    private Tensor FrequenciesFor(DeviceBatch batch)
    {
        var device = batch.Positions.device;
        var plain = FrequenciesOn(device, "", InverseFrequencies);
        if (_config.Kind is not (RopeKind.LongRope or RopeKind.Dynamic) || (_config.Kind == RopeKind.Dynamic && _width == 2)) return plain; // one pair turns by 1 whatever the base
        var (length, original) = (batch.Positions.max().Plus(1), _config.OriginalMaximumSequenceLength);
        if (_config.Kind == RopeKind.LongRope)
            return where(length.With(original, static (x, bound) => x.gt(bound)), FrequenciesOn(device, "long", LongFrequencies), plain);
        var growth = length.With(original, static (x, bound) => x.clamp_min(bound)).to(float32).Times(_config.Factor).Over(original).Minus(_config.Factor - 1);
        return plain / growth.pow(FrequenciesOn(device, "exponents", Exponents).Times(_width / (_width - 2.0)));
    }

    private Tensor LongFrequencies() => tensor((float)_config.Theta).pow(Exponents()).Dividing(1.0) / Row(_config.LongFactors);

    // Both channels of a pair turn by the same angle; the rotation's minus sign stands at the sine of the first.
    private Tensor Double(Tensor table, bool negated, ScalarType type)
    {
        var scaled = _config.AttentionFactor == 1 ? table : table.Times(_config.AttentionFactor);
        var first = negated ? scaled.negative() : scaled;
        return (_config.Interleaved ? stack([first, scaled], -1).flatten(-2) : cat([first, scaled], -1)).to(type);
    }

    // Computed once on the CPU, so that all devices turn by the same angles, and kept: a copy a batch would make the host wait.
    private Tensor FrequenciesOn(Device device, string name, Func<Tensor> make)
    {
        lock (_gate)
        {
            var key = $"{device} {name}";
            if (_frequencies.TryGetValue(key, out var found)) return found;
            using var scope = NewDisposeScope();
            return _frequencies[key] = make().to(device, copy: true).DetachFromDisposeScope();
        }
    }
}
