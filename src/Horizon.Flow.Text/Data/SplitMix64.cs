using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Text.Data;

/// <summary>
/// The generator that draws orders: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
/// Our own, so that a seed gives the same order with every version of .NET.
/// </summary>
internal struct SplitMix64
{
    private ulong _state;

    /// <param name="seed">The run's seed.</param>
    /// <param name="stream">Keeps draws for different ends apart, such as the number of an epoch.</param>
    public SplitMix64(long seed, long stream)
    {
        _state = SplitMix.Step((ulong)seed);
        _state = SplitMix.Mix(_state ^ SplitMix.Mix((ulong)stream * 2 + 1));
    }

    public ulong Next() => SplitMix.Mix(_state += SplitMix.Gamma);

    /// <summary>A number from 0 to below <paramref name="bound"/>, each as likely (Lemire, arXiv 1805.10941).</summary>
    public int Below(int bound)
    {
        while (true)
        {
            var high = Math.BigMul(Next(), (ulong)bound, out var low);
            if (low >= (ulong)-bound % (ulong)bound) return (int)high;
        }
    }

    /// <summary>The numbers from 0 to below <paramref name="count"/> in a drawn order (Fisher-Yates).</summary>
    public int[] Permutation(int count)
    {
        var order = new int[count];
        for (var i = 0; i < count; i++)
        {
            var j = Below(i + 1);
            order[i] = order[j];
            order[j] = i;
        }

        return order;
    }
}
