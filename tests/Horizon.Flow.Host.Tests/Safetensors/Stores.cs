using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Tests;

/// <summary>Small stores for tests.</summary>
public static class Stores
{
    /// <summary>One unit with the given tensors.</summary>
    public static UnitState Unit(StorePrecision precision, params (string Name, long[] Shape)[] tensors) =>
        new(new UnitLayout("unit", "unit", tensors.Select(tensor => (tensor.Name, tensor.Name, tensor.Shape))), precision, []);

    /// <summary>Units of two tensors each, laid out for the tensors of a file.</summary>
    public static UnitState[] For(Dictionary<string, NaiveSafetensors.Tensor> tensors, StorePrecision precision) =>
        [.. tensors.OrderBy(entry => entry.Key.Length).Chunk(2).Select(pair =>
            Unit(precision, [.. pair.Select(entry => (entry.Key, entry.Value.Shape))]))];

    /// <summary>The fp32 masters of a parameter, joined one by one.</summary>
    public static float[] Masters(UnitState unit, ParameterSlot slot)
    {
        var count = (int)slot.Count;
        if (unit.Difference is not { } difference) return unit.Weights.Span<float>(slot.Offset, count).ToArray();
        var masters = new float[count];
        for (var i = 0; i < count; i++)
            masters[i] = ExactMaster.Join(unit.Weights.Span<ushort>(slot.Offset + i, 1)[0], difference.Span<short>(slot.Offset + i, 1)[0]);
        return masters;
    }

    /// <summary>Fills a unit with random bits.</summary>
    public static UnitState Fill(UnitState unit, int seed)
    {
        var random = new Random(seed);
        random.NextBytes(unit.Weights.Span<byte>(0, (int)unit.Weights.ByteLength));
        if (unit.Difference is { } difference) random.NextBytes(difference.Span<byte>(0, (int)difference.ByteLength));
        return unit;
    }

    /// <summary>Fills a unit with random finite masters of every size.</summary>
    public static UnitState FillFinite(UnitState unit, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < unit.Layout.ElementCount; i++)
        {
            // One exponent bit stays 0: neither infinite nor NaN, nor near it.
            var master = BitConverter.Int32BitsToSingle((int)random.NextInt64(1L << 32) & ~0x4000_0000);
            if (unit.Difference is { } difference)
                (unit.Weights.Span<ushort>(i, 1)[0], difference.Span<short>(i, 1)[0]) = ExactMaster.Split(master);
            else
                unit.Weights.Span<float>(i, 1)[0] = master;
        }

        return unit;
    }

    public static void Dispose(IEnumerable<UnitState> units)
    {
        foreach (var unit in units) unit.Dispose();
    }
}
