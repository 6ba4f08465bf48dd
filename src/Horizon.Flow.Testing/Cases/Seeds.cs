namespace Horizon.Flow.Testing;

/// <summary>Seeds made from seeds; the same in every process, which HashCode is not.</summary>
public static class Seeds
{
    /// <summary>A seed, 0 or more, that depends on every part and on their order.</summary>
    public static int Mix(params ReadOnlySpan<long> parts)
    {
        var key = 0x9E3779B97F4A7C15UL;
        foreach (var part in parts)
        {
            key = (key ^ (ulong)part) * 0xBF58476D1CE4E5B9;
            key ^= key >> 31;
        }

        return (int)(key >> 33);
    }
}
