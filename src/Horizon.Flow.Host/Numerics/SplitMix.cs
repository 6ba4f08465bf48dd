namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// The arithmetic of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): numbers that hang on a seed and a place alone, the same with
/// every version of .NET.
/// </summary>
public static class SplitMix
{
    /// <summary>What the state goes on by.</summary>
    public const ulong Gamma = 0x9E3779B97F4A7C15;

    /// <summary>The number of a state: each of its bits hangs on all of the state's.</summary>
    public static ulong Mix(ulong state)
    {
        unchecked
        {
            state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
            state = (state ^ (state >> 27)) * 0x94D049BB133111EB;
            return state ^ (state >> 31);
        }
    }

    /// <summary>The number of the state behind <paramref name="state"/>.</summary>
    public static ulong Step(ulong state) => Mix(unchecked(state + Gamma));
}
