using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Horizon.Flow.Host.Numerics;

/// <summary>
/// 16 fp32 numbers in one AVX-512 register. Its bf16 conversions would not help even if .NET had them: they round ties to
/// even and flush subnormals, which the exact master must not, and bf16 to fp32 is a shift.
/// </summary>
internal readonly unsafe struct Avx512Lanes(Vector512<float> value) : IMemoryLanes<Avx512Lanes>
{
    /// <summary>The numbers.</summary>
    public Vector512<float> Value { get; } = value;

    public static int Width => 16;

    public static Avx512Lanes operator +(Avx512Lanes left, Avx512Lanes right) => new(Avx512F.Add(left.Value, right.Value));

    public static Avx512Lanes operator -(Avx512Lanes left, Avx512Lanes right) => new(Avx512F.Subtract(left.Value, right.Value));

    public static Avx512Lanes operator *(Avx512Lanes left, Avx512Lanes right) => new(Avx512F.Multiply(left.Value, right.Value));

    public static Avx512Lanes operator /(Avx512Lanes left, Avx512Lanes right) => new(Avx512F.Divide(left.Value, right.Value));

    public static Avx512Lanes Of(float value) => new(Vector512.Create(value));

    public static Avx512Lanes Load(float* source) => new(Avx512F.LoadVector512(source));

    public static Avx512Lanes LoadBFloat16(ushort* source) => new(Upper(source).AsSingle());

    public static Avx512Lanes LoadMaster(ushort* weight, short* difference) =>
        new(Avx512F.Add(Upper(weight), Avx512F.ConvertToVector512Int32(Avx.LoadVector256(difference))).AsSingle());

    public static Avx512Lanes Sqrt(Avx512Lanes value) => new(Avx512F.Sqrt(value.Value));

    public static Avx512Lanes Sign(Avx512Lanes value)
    {
        var positive = Vector512.GreaterThan(value.Value, Vector512<float>.Zero) & Vector512.Create(1f);
        var negative = Vector512.LessThan(value.Value, Vector512<float>.Zero) & Vector512.Create(-1f);
        return new(positive | negative);
    }

    public static Avx512Lanes Max(Avx512Lanes left, Avx512Lanes right) => new(Avx512F.Max(left.Value, right.Value));

    public static Avx512Lanes Min(Avx512Lanes left, Avx512Lanes right) => new(Avx512F.Min(left.Value, right.Value));

    public static float Largest(Avx512Lanes value) => Avx2Lanes.Largest(new(Avx.Max(value.Value.GetLower(), value.Value.GetUpper())));

    public static Avx512Lanes AtLeast(Avx512Lanes value, Avx512Lanes threshold) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(value.Value, threshold.Value), Vector512.Create(1f), Vector512<float>.Zero));

    public static Avx512Lanes Abs(Avx512Lanes value) => new(Vector512.Abs(value.Value));

    public static Avx512Lanes AddWhereAtLeast(Avx512Lanes sum, Avx512Lanes value, Avx512Lanes threshold, Avx512Lanes amount) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(value.Value, threshold.Value), sum.Value + amount.Value, sum.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Lanes Reached(Avx512Lanes value, float* thresholds)
    {
        var reached = Vector512<int>.Zero;
        for (var i = 0; i < 7; i++)
        {
            var more = reached + Vector512<int>.One;
            reached = Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(value.Value, Vector512.Create(thresholds[i])).AsInt32(), more, reached);
        }

        return new(reached.AsSingle());
    }

    public static Avx512Lanes Pick(float* table, Avx512Lanes index) =>
        new(Avx512F.PermuteVar16x32(Avx.LoadVector256(table).ToVector512Unsafe(), index.Value.AsInt32()));

    // As the map's table was made, which takes less time than two gathers of eight numbers from it: the exponent of an odd number is the decade, its mantissa the place in that.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Avx512Lanes Decode(in CodeTable table, byte* codes)
    {
        var code = Avx512F.ConvertToVector512Int32(Sse2.LoadVector128(codes));
        var odd = table.IsSigned ? ((code & Vector512.Create(127)) << 1) + Vector512.Create(1) : (code << 1) + Vector512.Create(3);
        var bits = Avx512F.ConvertToVector512Single(odd).AsInt32();
        var decade = Avx512F.ShiftRightLogical(bits, 23);
        var place = ((bits & Vector512.Create(0x7FFFFF)) | Vector512.Create(1f).AsInt32()).AsSingle() - Vector512.Create(1f);
        var value = (Avx512F.PermuteVar16x32(Avx512F.LoadVector512(table.Spans), decade) * place) + Avx512F.PermuteVar16x32(Avx512F.LoadVector512(table.Starts), decade);
        if (!table.IsSigned) return new(value);
        var turned = value ^ (code << 24 & Vector512.Create(int.MinValue)).AsSingle();
        return new(Vector512.ConditionalSelect(Vector512.Equals(code, Vector512.Create(128)).AsSingle(), Vector512.Create(1f), turned));
    }

    public void StoreBytes(byte* target) =>
        Sse2.Store(target, Avx512F.ConvertToVector128Byte(Avx512F.ConvertToVector512Int32WithTruncation(Value)));

    public void Store(float* target) => Avx512F.Store(target, Value);

    public void StoreMaster(ushort* weight, short* difference)
    {
        // The conversions to 16 bits keep the lower half, which is the wrapped difference.
        var bits = Value.AsUInt32();
        var upper = Avx512F.ShiftRightLogical(Avx512F.Add(bits, Vector512.Create(0x8000u)), 16);
        Avx.Store(weight, Avx512F.ConvertToVector256UInt16(upper));
        Avx.Store(difference, Avx512F.ConvertToVector256Int16(bits.AsInt32()));
    }

    private static Vector512<int> Upper(ushort* source) =>
        Avx512F.ShiftLeftLogical(Avx512F.ConvertToVector512Int32(Avx.LoadVector256(source)), 16);
}
