using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// Rotary position embedding (Su et al. 2021) in the half-split form of transformers: channel i turns together with channel
/// i + width/2. Angles, cosines and sines are fp32 whatever the activations are.
/// </summary>
public sealed class RotaryEmbedding
{
    private readonly RopeConfig _config;
    private readonly int _headDimension;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Tensor> _frequencies = [];

    /// <summary>Creates it; equal for all layers of a model, so that the tables of a batch are made once.</summary>
    /// <param name="config">Base and scaling.</param>
    /// <param name="headDimension">Width of a head; even.</param>
    public RotaryEmbedding(RopeConfig config, int headDimension)
    {
        _config = config;
        _headDimension = headDimension;
    }

    /// <summary>Turns the heads of <paramref name="x"/> by their positions.</summary>
    /// <param name="x">[batch, sequence, heads, head width].</param>
    /// <param name="batch">The positions.</param>
    public Tensor Apply(Tensor x, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(batch);
        var half = _headDimension / 2;
        var (cosine, sine) = TablesOf(batch, x.dtype);
        return (x * cosine).Plus(x.roll(half, -1) * sine);
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

    /// <summary>[head width / 2] fp32 on the CPU: radians a token for each pair of channels, scaled as the configuration says.</summary>
    public Tensor InverseFrequencies()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var exponent = TensorArithmetic.Range(_headDimension, step: 2).to(float32).Over(_headDimension);
        var plain = tensor((float)_config.Theta).pow(exponent).Dividing(1.0);
        return (_config.Kind switch
        {
            RopeKind.Linear => plain.Over(_config.Factor),
            RopeKind.Llama3 => Llama3(plain),
            _ => plain,
        }).DetachFromDisposeScope();
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

    // [batch, sequence, 1, head width].
    private (Tensor Cosine, Tensor Sine) TablesOf(DeviceBatch batch, ScalarType type) => (
        batch.Shared((this, "cosine", type), () => Double(Angles(batch).cos(), 1, type)),
        batch.Shared((this, "sine", type), () => Double(Angles(batch).sin(), -1, type)));

    // [batch, sequence, 1, head width / 2] fp32.
    private Tensor Angles(DeviceBatch batch) =>
        (batch.Positions.to(float32).unsqueeze(-1) * FrequenciesOn(batch.Positions.device)).unsqueeze(2);

    // Both halves turn by the same angle; the rotation's minus sign stands in the first half of the sine.
    private static Tensor Double(Tensor table, int sign, ScalarType type) => cat([table.Times(sign), table], -1).to(type);

    // Computed once on the CPU, so that all devices turn by the same angles, and kept: a copy a batch would make the host wait.
    private Tensor FrequenciesOn(Device device)
    {
        lock (_gate)
        {
            if (_frequencies.TryGetValue(device.ToString(), out var found)) return found;
            using var made = InverseFrequencies();
            return _frequencies[device.ToString()] = made.to(device, copy: true).DetachFromDisposeScope();
        }
    }
}
