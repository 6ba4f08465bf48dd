using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed unsafe class ExactMasterTests
{
    [Cases(10000)]
    public void SplitThenJoin_AnyBits_Restores(uint bits) => Assert.Equal(bits, Restored(bits));

    [Fact]
    public void SplitThenJoin_EveryRoundingEdge_Restores()
    {
        for (uint upper = 0; upper <= 0xFFFF; upper++)
            foreach (var lower in new uint[] { 0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF })
                if ((upper << 16 | lower) != Restored(upper << 16 | lower)) Assert.Fail($"{upper << 16 | lower:X8}");
    }

    [Cases(2000)]
    public void Split_FiniteNumber_RoundsToNearest(uint bits)
    {
        var master = BitConverter.UInt32BitsToSingle(bits);
        var weight = BitConverter.UInt32BitsToSingle((uint)ExactMaster.Split(master).Weight << 16);
        if (!float.IsFinite(master) || !float.IsFinite(weight)) return;
        var down = BitConverter.UInt32BitsToSingle(bits & 0xFFFF0000);
        var up = BitConverter.UInt32BitsToSingle((bits & 0xFFFF0000) + 0x10000);
        Assert.Equal(Math.Min(Math.Abs((double)master - down), Math.Abs((double)master - up)), Math.Abs((double)master - weight));
    }

    /// <summary>2^20 patterns spread evenly over all 2^32, and the 2^18 around the ends of the upper half.</summary>
    [Fact]
    public void Lanes_SampledBits_SplitAndJoinAsTheDefinition()
    {
        foreach (var path in VectorPaths.Supported)
        {
            switch (path)
            {
                case VectorPath.Avx512: Check<Avx512Lanes>(); break;
                case VectorPath.Avx2: Check<Avx2Lanes>(); break;
                default: Check<PortableLanes>(); break;
            }
        }
    }

    private static void Check<TLanes>()
        where TLanes : struct, IMemoryLanes<TLanes>
    {
        var masters = stackalloc uint[16];
        var weights = stackalloc ushort[16];
        var differences = stackalloc short[16];
        for (uint sample = 0; sample < 1 << 20; sample += (uint)TLanes.Width)
        {
            for (uint lane = 0; lane < TLanes.Width; lane++)
                masters[lane] = ((sample + lane) * 4093) ^ ((sample & 0x70) << 11);
            TLanes.Load((float*)masters).StoreMaster(weights, differences);
            for (var lane = 0; lane < TLanes.Width; lane++)
            {
                var expected = ExactMaster.Split(BitConverter.UInt32BitsToSingle(masters[lane]));
                if ((weights[lane], differences[lane]) != expected) Assert.Fail($"{typeof(TLanes).Name} splits {masters[lane]:X8} wrongly");
            }

            TLanes.LoadMaster(weights, differences).Store((float*)masters);
            for (var lane = 0; lane < TLanes.Width; lane++)
                if (BitConverter.SingleToUInt32Bits(ExactMaster.Join(weights[lane], differences[lane])) != masters[lane]) Assert.Fail($"{typeof(TLanes).Name} joins {masters[lane]:X8} wrongly");
        }
    }

    private static uint Restored(uint bits)
    {
        var (weight, difference) = ExactMaster.Split(BitConverter.UInt32BitsToSingle(bits));
        return BitConverter.SingleToUInt32Bits(ExactMaster.Join(weight, difference));
    }
}
