namespace Horizon.Flow.Models.Common;

/// <summary>What must hold of rotary settings and the width of a head together.</summary>
internal static class RotaryRules
{
    /// <summary>Refuses lists of divisors that do not fit the head.</summary>
    /// <exception cref="HorizonException">They do not.</exception>
    public static void Check(string architecture, RopeConfig rope, int headDimension)
    {
        if (rope.Kind != RopeKind.LongRope) return;
        var pairs = rope.RotatedWidth(headDimension) / 2;
        foreach (var (name, factors) in new[] { ("short_factor", rope.ShortFactors), ("long_factor", rope.LongFactors) })
            if (factors.Count != pairs)
                throw new HorizonException($"this {architecture} cannot be built: {name} has {factors.Count} numbers where {pairs} pairs of channels turn; see its config.json");
    }
}
