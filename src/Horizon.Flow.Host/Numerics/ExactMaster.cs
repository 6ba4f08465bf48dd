namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// An fp32 number as its bf16 rounding and the 16-bit difference that restores it: <c>bits = (weight &lt;&lt; 16) + difference</c>.
/// Rounding is to nearest with ties away from zero: with ties to even, 0x3F7F8000 and 0x3F808000 would both become
/// (0x3F80, 0x8000). The sum wraps, so every one of the 2^32 bit patterns comes back.
/// </summary>
public static class ExactMaster
{
    /// <summary>Splits <paramref name="master"/>.</summary>
    public static (ushort Weight, short Difference) Split(float master)
    {
        var bits = BitConverter.SingleToUInt32Bits(master);
        var weight = (ushort)((bits + 0x8000u) >> 16);
        return (weight, (short)(bits - ((uint)weight << 16)));
    }

    /// <summary>Restores the master.</summary>
    public static float Join(ushort weight, short difference) =>
        BitConverter.UInt32BitsToSingle(((uint)weight << 16) + (uint)difference);
}
