namespace Horizon.Examples;

/// <summary>
/// Normal noise from a generator without state: element i of a unit in a step depends on these three numbers and the seed alone, so
/// that neither the order of the updates nor the number of threads changes it. SplitMix64 (Steele, Lea and Flood 2014) at a counter,
/// made normal as Box and Muller (1958) do.
/// </summary>
public readonly struct CounterNoise(long seed, long step, int unit)
{
    private readonly ulong _key = Mix(Mix(Mix((ulong)seed) ^ (ulong)step) ^ (uint)unit);

    /// <summary>Element <paramref name="index"/>, of mean 0 and deviation 1.</summary>
    public float At(long index)
    {
        var radius = Math.Sqrt(-2 * Math.Log(Uniform(2 * (ulong)index)));
        return (float)(radius * Math.Cos(2 * Math.PI * Uniform((2 * (ulong)index) + 1)));
    }

    // In (0, 1]: the logarithm must not see zero.
    private double Uniform(ulong counter) => ((Mix(_key + (counter * 0x9E3779B97F4A7C15)) >> 11) + 1) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
