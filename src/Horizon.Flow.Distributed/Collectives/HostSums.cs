using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Distributed;

/// <summary>Sums over ranks in host memory: in fp32, in the order of the ranks, rounded once.</summary>
internal static class HostSums
{
    /// <summary>What a rank adds, as long as the sum.</summary>
    public delegate ReadOnlySpan<byte> PartOf(int rank);

    /// <summary>Adds the parts of all ranks.</summary>
    /// <param name="type">Of the numbers.</param>
    /// <param name="ranks">How many there are.</param>
    /// <param name="part">What each adds.</param>
    /// <param name="target">The sum.</param>
    public static void Add(ElementType type, int ranks, PartOf part, Span<byte> target)
    {
        switch (type)
        {
            case ElementType.Float32: AddFloats(ranks, part, MemoryMarshal.Cast<byte, float>(target)); break;
            case ElementType.BFloat16: AddHalves(ranks, part, MemoryMarshal.Cast<byte, ushort>(target)); break;
            default: throw new ArgumentException($"gradients are bf16 or fp32, not {type}", nameof(type));
        }
    }

    private static void AddFloats(int ranks, PartOf part, Span<float> sum)
    {
        MemoryMarshal.Cast<byte, float>(part(0)).CopyTo(sum);
        for (var rank = 1; rank < ranks; rank++)
        {
            var summand = MemoryMarshal.Cast<byte, float>(part(rank));
            for (var i = 0; i < sum.Length; i++) sum[i] += summand[i];
        }
    }

    private static void AddHalves(int ranks, PartOf part, Span<ushort> sum)
    {
        var wide = new float[sum.Length];
        for (var rank = 0; rank < ranks; rank++)
        {
            var summand = MemoryMarshal.Cast<byte, ushort>(part(rank));
            for (var i = 0; i < wide.Length; i++) wide[i] += ExactMaster.Join(summand[i], 0);
        }

        for (var i = 0; i < wide.Length; i++) sum[i] = ExactMaster.Split(wide[i]).Weight;
    }
}
