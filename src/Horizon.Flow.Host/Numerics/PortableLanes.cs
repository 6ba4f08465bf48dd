using System.Runtime.CompilerServices;

namespace Horizon.Flow.Host.Numerics;

/// <summary>One fp32 number: the portable path, and the last elements of a range on every path.</summary>
internal readonly unsafe struct PortableLanes(float value) : IMemoryLanes<PortableLanes>
{
    /// <summary>The numbers.</summary>
    public float Value { get; } = value;

    public static int Width => 1;

    public static PortableLanes operator +(PortableLanes left, PortableLanes right) => new(left.Value + right.Value);

    public static PortableLanes operator -(PortableLanes left, PortableLanes right) => new(left.Value - right.Value);

    public static PortableLanes operator *(PortableLanes left, PortableLanes right) => new(left.Value * right.Value);

    public static PortableLanes operator /(PortableLanes left, PortableLanes right) => new(left.Value / right.Value);

    public static PortableLanes Of(float value) => new(value);

    public static PortableLanes Load(float* source) => new(Unsafe.ReadUnaligned<float>(source));

    public static PortableLanes LoadBFloat16(ushort* source) =>
        new(BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(source) << 16));

    public static PortableLanes LoadMaster(ushort* weight, short* difference) =>
        new(ExactMaster.Join(Unsafe.ReadUnaligned<ushort>(weight), Unsafe.ReadUnaligned<short>(difference)));

    public static PortableLanes Sqrt(PortableLanes value) => new(MathF.Sqrt(value.Value));

    public static PortableLanes Sign(PortableLanes value) => new(value.Value > 0 ? 1f : value.Value < 0 ? -1f : 0f);

    public static PortableLanes Max(PortableLanes left, PortableLanes right) => left.Value > right.Value ? left : right;

    public static PortableLanes Min(PortableLanes left, PortableLanes right) => left.Value < right.Value ? left : right;

    public static float Largest(PortableLanes value) => value.Value;

    public static PortableLanes AtLeast(PortableLanes value, PortableLanes threshold) => new(value.Value >= threshold.Value ? 1f : 0f);

    public static PortableLanes Abs(PortableLanes value) => new(MathF.Abs(value.Value));

    public static PortableLanes AddWhereAtLeast(PortableLanes sum, PortableLanes value, PortableLanes threshold, PortableLanes amount) =>
        value.Value >= threshold.Value ? sum + amount : sum;

    public static PortableLanes Reached(PortableLanes value, float* thresholds)
    {
        var reached = 0;
        for (var i = 0; i < 7; i++) reached += value.Value >= thresholds[i] ? 1 : 0;
        return new(BitConverter.Int32BitsToSingle(reached));
    }

    public static PortableLanes Pick(float* table, PortableLanes index) => new(table[BitConverter.SingleToInt32Bits(index.Value)]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PortableLanes Decode(in CodeTable table, byte* codes) => new(table.Numbers[*codes]);

    public void StoreBytes(byte* target) => *target = (byte)(int)Value;

    public void Store(float* target) => Unsafe.WriteUnaligned(target, Value);

    public void StoreMaster(ushort* weight, short* difference)
    {
        var (upper, rest) = ExactMaster.Split(Value);
        Unsafe.WriteUnaligned(weight, upper);
        Unsafe.WriteUnaligned(difference, rest);
    }
}
