using System.Numerics;
using System.Runtime.InteropServices;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Safetensors;

/// <summary>Vectorised conversions between the float types of files and the store (8-bit floats by a table). All are exact except F64 to fp32.</summary>
internal static class FloatConversion
{
    private const uint Magnitude = 0x7FFF_FFFF;
    private const uint Infinity = 0x7F80_0000;
    private const uint ExponentStep = 1u << 23;
    private const uint HalfBias = (127 - 15) * ExponentStep;
    private const float SmallestNormalHalf = 1f / (1 << 14);

    // From here on rounding to bf16, ties away from zero, gives infinity.
    private const uint BFloat16Overflow = 0x7F7F_8000;

    // E4M3 as the Open Compute Project has it (8-bit Floating Point Specification 1.0): bias 7, subnormals, no infinities, and NaN where all bits but the sign are set.
    private static readonly float[] _eightBits = [.. Enumerable.Range(0, 256).Select(bits =>
    {
        var (exponent, mantissa) = ((bits >> 3) & 15, bits & 7);
        var magnitude = (bits & 127) == 127 ? float.NaN : exponent == 0 ? MathF.ScaleB(mantissa, -9) : MathF.ScaleB(8 + mantissa, exponent - 10);
        return (bits & 128) != 0 ? -magnitude : magnitude;
    })];

    /// <summary>Refuses a tensor that holds no floats of a type that can be read.</summary>
    public static void RequireFloats(TensorInfo tensor)
    {
        if (tensor.Type is not (SafetensorsType.F64 or SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16))
        {
            throw new HorizonException(
                $"tensor {tensor.Name.Shown()} of {tensor.File} is of type {tensor.Type}; weights are read from F32, BF16, F16 and F64");
        }
    }

    /// <summary>Bytes of one element of a float type.</summary>
    public static int ElementSize(SafetensorsType type) => type.BitSize() / 8;

    /// <summary>Widens (or, from F64, rounds) little-endian floats to fp32.</summary>
    public static void ToFloat32(SafetensorsType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case SafetensorsType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case SafetensorsType.BF16:
                BFloat16Conversion.Widen(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<float, uint>(destination));
                break;
            case SafetensorsType.F16:
                FromFloat16(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<float, uint>(destination));
                break;
            case SafetensorsType.F64:
                FromFloat64(MemoryMarshal.Cast<byte, double>(source), destination);
                break;
            case SafetensorsType.F8_E4M3:
                for (var i = 0; i < source.Length; i++) destination[i] = _eightBits[source[i]];
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "not a float type that is read");
        }
    }

    /// <summary>The first value that is infinite or NaN, or (for bf16) becomes infinite when rounded; -1 if there is none.</summary>
    public static int IndexOfNotFinite(ReadOnlySpan<float> values, bool asBFloat16)
    {
        var bits = MemoryMarshal.Cast<float, uint>(values);
        var limit = asBFloat16 ? BFloat16Overflow : Infinity;
        var limits = new Vector<uint>(limit);
        var i = 0;
        for (; i <= bits.Length - Vector<uint>.Count; i += Vector<uint>.Count)
            if (Vector.GreaterThanOrEqualAny(new Vector<uint>(bits[i..]) & new Vector<uint>(Magnitude), limits)) break;
        for (; i < bits.Length; i++)
            if ((bits[i] & Magnitude) >= limit) return i;
        return -1;
    }

    private static void FromFloat16(ReadOnlySpan<ushort> source, Span<uint> destination)
    {
        var i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out var low, out var high);
            WidenFloat16(low).CopyTo(destination[i..]);
            WidenFloat16(high).CopyTo(destination[(i + Vector<uint>.Count)..]);
        }

        for (; i < source.Length; i++) destination[i] = BitConverter.SingleToUInt32Bits((float)BitConverter.UInt16BitsToHalf(source[i]));
    }

    /// <summary>
    /// Exponent and mantissa move to their places in a float, and the exponent's bias grows from 15 to 127. A subnormal half becomes the
    /// mantissa of 2^-14, of which 2^-14 is then taken: exact, and without subnormal floats, which are slow. Infinity and NaN get the
    /// float's largest exponent.
    /// </summary>
    private static Vector<uint> WidenFloat16(Vector<uint> half)
    {
        var sign = (half & new Vector<uint>(0x8000)) << 16;
        var magnitude = (half & new Vector<uint>(0x7FFF)) << 13;
        var normal = magnitude + new Vector<uint>(HalfBias);
        var subnormal = Vector.AsVectorSingle(normal + new Vector<uint>(ExponentStep)) - new Vector<float>(SmallestNormalHalf);
        var value = Vector.ConditionalSelect(
            Vector.LessThan(magnitude, new Vector<uint>(ExponentStep)), Vector.AsVectorUInt32(subnormal), normal);
        var special = Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(0x7C00 << 13)) & new Vector<uint>(Infinity);
        return value | special | sign;
    }

    private static void FromFloat64(ReadOnlySpan<double> source, Span<float> destination)
    {
        for (var i = 0; i < source.Length; i++) destination[i] = (float)source[i];
    }
}
