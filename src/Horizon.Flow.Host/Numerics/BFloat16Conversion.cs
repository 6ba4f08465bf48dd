using System.Numerics;

namespace Horizon.Flow.Host.Numerics;

/// <summary>Vectorised conversions between fp32, bf16 and exact masters (<see cref="ExactMaster"/>), over spans of equal length; fp32 as bits.</summary>
internal static class BFloat16Conversion
{
    /// <summary><see cref="ExactMaster.Split"/>, many at once.</summary>
    public static void Split(ReadOnlySpan<uint> masters, Span<ushort> weights, Span<ushort> differences)
    {
        var i = 0;
        for (; i <= masters.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = new Vector<uint>(masters[i..]);
            var high = new Vector<uint>(masters[(i + Vector<uint>.Count)..]);
            Vector.Narrow(Round(low), Round(high)).CopyTo(weights[i..]);

            // The weight's bits, shifted, end in sixteen zeros: the difference is the master's low half.
            Vector.Narrow(low & new Vector<uint>(0xFFFF), high & new Vector<uint>(0xFFFF)).CopyTo(differences[i..]);
        }

        for (; i < masters.Length; i++)
        {
            weights[i] = (ushort)((masters[i] + 0x8000u) >> 16);
            differences[i] = (ushort)masters[i];
        }
    }

    /// <summary><see cref="ExactMaster.Join"/>, many at once.</summary>
    public static void Join(ReadOnlySpan<ushort> weights, ReadOnlySpan<short> differences, Span<uint> masters)
    {
        var i = 0;
        for (; i <= weights.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(weights[i..]), out var low, out var high);
            Vector.Widen(new Vector<short>(differences[i..]), out var lowDifference, out var highDifference);
            ((low << 16) + Vector.AsVectorUInt32(lowDifference)).CopyTo(masters[i..]);
            ((high << 16) + Vector.AsVectorUInt32(highDifference)).CopyTo(masters[(i + Vector<uint>.Count)..]);
        }

        for (; i < weights.Length; i++) masters[i] = ((uint)weights[i] << 16) + (uint)differences[i];
    }

    /// <summary>Rounds fp32 bits to bf16 as <see cref="ExactMaster"/> does: to nearest, ties away from zero.</summary>
    public static void Round(ReadOnlySpan<uint> source, Span<ushort> destination)
    {
        var i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = new Vector<uint>(source[i..]);
            var high = new Vector<uint>(source[(i + Vector<uint>.Count)..]);
            Vector.Narrow(Round(low), Round(high)).CopyTo(destination[i..]);
        }

        for (; i < source.Length; i++) destination[i] = (ushort)((source[i] + 0x8000u) >> 16);
    }

    /// <summary>Widens bf16 to fp32 bits, exactly.</summary>
    public static void Widen(ReadOnlySpan<ushort> source, Span<uint> destination)
    {
        var i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out var low, out var high);
            (low << 16).CopyTo(destination[i..]);
            (high << 16).CopyTo(destination[(i + Vector<uint>.Count)..]);
        }

        for (; i < source.Length; i++) destination[i] = (uint)source[i] << 16;
    }

    private static Vector<uint> Round(Vector<uint> bits) => (bits + new Vector<uint>(0x8000)) >>> 16;
}
