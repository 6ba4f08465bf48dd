using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Distributed;

/// <summary>Sums over ranks in host memory: in fp32, in the order of the ranks, rounded once.</summary>
internal static class HostSums
{
    /// <summary>Adds the parts of all ranks.</summary>
    /// <param name="type">Of the numbers.</param>
    /// <param name="parts">[ranks]: as long as the target.</param>
    /// <param name="target">The sum.</param>
    public static void Add(ElementType type, byte[][] parts, Span<byte> target)
    {
        switch (type)
        {
            case ElementType.Float32: AddFloats(parts, MemoryMarshal.Cast<byte, float>(target)); break;
            case ElementType.BFloat16: AddHalves(parts, MemoryMarshal.Cast<byte, ushort>(target)); break;
            default: throw new ArgumentException($"gradients are bf16 or fp32, not {type}", nameof(type));
        }
    }

    private static void AddFloats(byte[][] parts, Span<float> sum)
    {
        MemoryMarshal.Cast<byte, float>(parts[0]).CopyTo(sum);
        foreach (var part in parts[1..])
        {
            var summand = MemoryMarshal.Cast<byte, float>(part);
            for (var i = 0; i < sum.Length; i++) sum[i] += summand[i];
        }
    }

    private static void AddHalves(byte[][] parts, Span<ushort> sum)
    {
        for (var i = 0; i < sum.Length; i++)
        {
            var all = 0f;
            foreach (var part in parts) all += ExactMaster.Join(MemoryMarshal.Cast<byte, ushort>(part)[i], 0);
            sum[i] = ExactMaster.Split(all).Weight;
        }
    }
}
