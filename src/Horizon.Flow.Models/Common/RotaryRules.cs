using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Common;

/// <summary>What must hold of rotary settings and the width of a head together.</summary>
internal static class RotaryRules
{
    /// <summary>Refuses a part of a head that is not made of pairs, and lists of divisors that do not fit it.</summary>
    /// <exception cref="HorizonException">The first rule that is broken.</exception>
    public static void Check(string architecture, RopeConfig rope, int headDimension)
    {
        var width = rope.RotatedWidth(headDimension);
        if (width < 2 || width % 2 != 0)
            throw Broken(architecture, $"{rope.RotatedFraction} of a head of {headDimension} channels is {width}, and the rotary embedding turns pairs");
        if (rope.Kind != RopeKind.LongRope) return;
        foreach (var (name, factors) in new[] { ("short_factor", rope.ShortFactors), ("long_factor", rope.LongFactors) })
            if (factors.Count != width / 2) throw Broken(architecture, $"{name} has {factors.Count} numbers where {width / 2} pairs of channels turn");
    }

    /// <summary>Refuses what <see cref="IUnitOperators.Rotate"/> does not do: it turns whole heads, channel i with channel i + half of the width.</summary>
    /// <exception cref="HorizonException">Neighbours turn together, or a part of each head.</exception>
    public static void CheckWholeHeads(string architecture, RopeConfig rope, int headDimension)
    {
        if (rope.Interleaved)
            throw Broken(architecture, $"{nameof(DecoderLayerTemplate)} does not turn neighbouring channels ({nameof(RopeConfig)}.{nameof(RopeConfig.Interleaved)}); {nameof(AutogradDecoderLayerTemplate)} does");
        if (rope.RotatedWidth(headDimension) is var width && width != headDimension)
            throw Broken(architecture, $"{nameof(DecoderLayerTemplate)} does not turn {width} of {headDimension} channels ({nameof(RopeConfig)}.{nameof(RopeConfig.RotatedFraction)}); {nameof(AutogradDecoderLayerTemplate)} does");
    }

    private static HorizonException Broken(string architecture, string rule) => new($"this {architecture} cannot be built: {rule}; see its config.json");
}
