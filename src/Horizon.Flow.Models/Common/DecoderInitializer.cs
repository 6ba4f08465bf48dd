using System.Numerics;
using System.Text;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// New weights as transformers draws them (normal with the configured deviation; norms one, biases zero, the padding row zero),
/// but from a generator that has no state: element i of a tensor depends on the seed, the tensor's name and i alone, so any thread may
/// fill any piece. Uniform numbers are SplitMix64 (Steele, Lea and Flood 2014) at counter i, normal ones Box and Muller's (1958).
/// </summary>
public sealed class DecoderInitializer
{
    private readonly double _deviation;
    private readonly (long First, long End) _paddingRow;

    /// <summary>Creates it.</summary>
    /// <param name="config">Deviation and padding row.</param>
    public DecoderInitializer(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _deviation = config.InitializerRange;
        if (config.PaddingToken is { } token) _paddingRow = (token * (long)config.HiddenSize, (token + 1) * (long)config.HiddenSize);
    }

    /// <summary>Writes elements <paramref name="offset"/>.. of a parameter; see <see cref="ParameterInitializer"/>.</summary>
    public void Fill(ParameterSlot parameter, long seed, long offset, Span<float> values)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        offset += parameter.TensorOffset; // the same numbers however the tensor is cut
        if (Roles.IsNorm(parameter.Role) || parameter.Role is Roles.LayerScalar or Roles.DeltaTimeBias or Roles.RouterScale or Roles.RouterExpertScale) values.Fill(1);
        else if (parameter.Role == Roles.DeltaDecay) FillDecay(Key(parameter.TensorName, seed), offset, values);
        else if (parameter.Role.EndsWith("bias", StringComparison.Ordinal)) values.Clear();
        else
        {
            FillNormal(Key(parameter.TensorName, seed), offset, values);
            if (parameter.Role == Roles.Embedding) ClearPaddingRow(offset, values);
        }
    }

    /// <summary>Writes elements <paramref name="offset"/>.. of a parameter, uniform within ±<paramref name="bound"/>.</summary>
    internal static void FillUniform(string name, long seed, double bound, long offset, Span<float> values)
    {
        var key = Key(name, seed);
        for (var index = 0; index < values.Length; index++) values[index] = (float)(bound * ((2 * Uniform(key, (ulong)(offset + index))) - 1));
    }

    private void ClearPaddingRow(long offset, Span<float> values)
    {
        var first = Math.Clamp(_paddingRow.First - offset, 0, values.Length);
        var end = Math.Clamp(_paddingRow.End - offset, 0, values.Length);
        values[(int)first..(int)end].Clear();
    }

    // Elements 2j and 2j + 1 share two uniform numbers: one takes the cosine, the other the sine.
    private void FillNormal(ulong key, long offset, Span<float> values)
    {
        for (var index = 0; index < values.Length;)
        {
            var place = (ulong)(offset + index);
            var radius = _deviation * Math.Sqrt(-2 * Math.Log(Uniform(key, place & ~1UL)));
            var (sine, cosine) = Math.SinCos(2 * Math.PI * Uniform(key, place | 1));
            if ((place & 1) == 0) values[index++] = (float)(radius * cosine);
            if (index < values.Length) values[index++] = (float)(radius * sine);
        }
    }

    // Logarithms of numbers between 0 and 16.
    private static void FillDecay(ulong key, long offset, Span<float> values)
    {
        for (var index = 0; index < values.Length; index++) values[index] = (float)Math.Log(16 * Uniform(key, (ulong)(offset + index)));
    }

    // In (0, 1]: the logarithm must not see zero.
    private static double Uniform(ulong key, ulong counter) => ((SplitMix.Mix(key + (counter * SplitMix.Gamma)) >> 11) + 1) * (1.0 / (1UL << 53));

    private static ulong Key(string name, long seed)
    {
        var key = SplitMix.Step((ulong)seed);
        foreach (var symbol in Encoding.UTF8.GetBytes(name)) key = SplitMix.Mix(BitOperations.RotateLeft(key, 8) ^ symbol);
        return key;
    }
}
