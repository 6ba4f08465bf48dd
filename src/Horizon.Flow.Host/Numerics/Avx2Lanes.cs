using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Horizon.Flow.Host.Numerics;

/// <summary>8 fp32 numbers in one AVX register.</summary>
internal readonly unsafe struct Avx2Lanes(Vector256<float> value) : IMemoryLanes<Avx2Lanes>
{
    /// <summary>The numbers.</summary>
    public Vector256<float> Value { get; } = value;

    public static int Width => 8;

    public static Avx2Lanes operator +(Avx2Lanes left, Avx2Lanes right) => new(Avx.Add(left.Value, right.Value));

    public static Avx2Lanes operator -(Avx2Lanes left, Avx2Lanes right) => new(Avx.Subtract(left.Value, right.Value));

    public static Avx2Lanes operator *(Avx2Lanes left, Avx2Lanes right) => new(Avx.Multiply(left.Value, right.Value));

    public static Avx2Lanes operator /(Avx2Lanes left, Avx2Lanes right) => new(Avx.Divide(left.Value, right.Value));

    public static Avx2Lanes Of(float value) => new(Vector256.Create(value));

    public static Avx2Lanes Load(float* source) => new(Avx.LoadVector256(source));

    public static Avx2Lanes LoadBFloat16(ushort* source) => new(Upper(source).AsSingle());

    public static Avx2Lanes LoadMaster(ushort* weight, short* difference) =>
        new(Avx2.Add(Upper(weight), Avx2.ConvertToVector256Int32(Sse2.LoadVector128(difference))).AsSingle());

    public static Avx2Lanes Sqrt(Avx2Lanes value) => new(Avx.Sqrt(value.Value));

    public static Avx2Lanes Sign(Avx2Lanes value)
    {
        var positive = Avx.And(Avx.CompareGreaterThan(value.Value, Vector256<float>.Zero), Vector256.Create(1f));
        var negative = Avx.And(Avx.CompareLessThan(value.Value, Vector256<float>.Zero), Vector256.Create(-1f));
        return new(Avx.Or(positive, negative));
    }

    public static Avx2Lanes Max(Avx2Lanes left, Avx2Lanes right) => new(Avx.Max(left.Value, right.Value));

    public static Avx2Lanes Min(Avx2Lanes left, Avx2Lanes right) => new(Avx.Min(left.Value, right.Value));

    public static float Largest(Avx2Lanes value)
    {
        var four = Sse.Max(value.Value.GetLower(), value.Value.GetUpper());
        var two = Sse.Max(four, Sse.MoveHighToLow(four, four));
        return Sse.MaxScalar(two, Sse.Shuffle(two, two, 1)).ToScalar();
    }

    public static Avx2Lanes AtLeast(Avx2Lanes value, Avx2Lanes threshold) =>
        new(Avx.And(Avx.CompareGreaterThanOrEqual(value.Value, threshold.Value), Vector256.Create(1f)));

    public static Avx2Lanes Abs(Avx2Lanes value) => new(Vector256.Abs(value.Value));

    public static Avx2Lanes AddWhereAtLeast(Avx2Lanes sum, Avx2Lanes value, Avx2Lanes threshold, Avx2Lanes amount) =>
        new(Vector256.ConditionalSelect(Avx.CompareGreaterThanOrEqual(value.Value, threshold.Value), Avx.Add(sum.Value, amount.Value), sum.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Lanes Reached(Avx2Lanes value, float* thresholds)
    {
        // Where a number reaches a threshold, all bits of its lane are set: -1.
        var below = Minus(0) + Minus(1) + Minus(2) + (Minus(3) + Minus(4)) + (Minus(5) + Minus(6));
        return new((Vector256<int>.Zero - below).AsSingle());

        Vector256<int> Minus(int i) => Avx.CompareGreaterThanOrEqual(value.Value, Vector256.Create(thresholds[i])).AsInt32();
    }

    public static Avx2Lanes Pick(float* table, Avx2Lanes index) => new(Avx2.PermuteVar8x32(Avx.LoadVector256(table), index.Value.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx2Lanes Decode(in CodeTable table, byte* codes) =>
        new(Avx2.GatherVector256(table.Numbers, Avx2.ConvertToVector256Int32(codes), sizeof(float)));

    public void StoreBytes(byte* target)
    {
        var numbers = Avx.ConvertToVector256Int32WithTruncation(Value);
        var words = Sse41.PackUnsignedSaturate(numbers.GetLower(), numbers.GetUpper()).AsInt16();
        Sse2.StoreScalar((long*)target, Sse2.PackUnsignedSaturate(words, words).AsInt64());
    }

    public void Store(float* target) => Avx.Store(target, Value);

    public void StoreMaster(ushort* weight, short* difference)
    {
        var bits = Value.AsInt32();
        var upper = Avx2.ShiftRightLogical(Avx2.Add(bits, Vector256.Create(0x8000)), 16);
        var lower = Avx2.And(bits, Vector256.Create(0xFFFF));

        // Both fit 16 unsigned bits, so that packing saturates nothing. It packs within 128-bit halves:
        // upper[0..3] lower[0..3] | upper[4..7] lower[4..7]; the permutation puts the quarters in order.
        var packed = Avx2.Permute4x64(Avx2.PackUnsignedSaturate(upper, lower).AsInt64(), 0b11_01_10_00);
        Sse2.Store(weight, packed.GetLower().AsUInt16());
        Sse2.Store(difference, packed.GetUpper().AsInt16());
    }

    private static Vector256<int> Upper(ushort* source) =>
        Avx2.ShiftLeftLogical(Avx2.ConvertToVector256Int32(Sse2.LoadVector128(source)), 16);
}
