using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Host.Tests;

public sealed unsafe class DynamicMapTests
{
    /// <summary>The map of the paper, written from its description: sign, decade by leading zeros, linear bins.</summary>
    private static double[] Reference(bool signed)
    {
        var values = new List<double> { 0, 1 };
        for (var decade = 0; decade < 7; decade++)
        {
            var bins = (signed ? 1 : 2) << decade;
            foreach (var bin in Enumerable.Range(0, bins))
            {
                var value = Math.Pow(10, decade - 6) * (0.1 + (0.9 * (bin + 0.5) / bins));
                values.Add(value);
                if (signed) values.Add(-value);
            }
        }

        return [.. values.Order()];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Values_AreThePapers(bool signed)
    {
        var map = signed ? DynamicMap.Signed : DynamicMap.Unsigned;
        var expected = Reference(signed);
        Assert.Equal(256, expected.Length);
        foreach (var (one, other) in expected.Zip(map.Values.ToArray().Order())) Close.Assert(one, other, Math.Abs(one), 1e-6);
        Assert.Equal(0, map.Values[0]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encode_ValuesOfTheMap_ComeBack(bool signed)
    {
        var map = signed ? DynamicMap.Signed : DynamicMap.Unsigned;
        for (var code = 0; code < 256; code++)
            foreach (var path in VectorPaths.Supported)
                Assert.Equal(code, Encode(map, map.Values[code], path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encode_AnyValue_IsTheNearest(bool signed)
    {
        var map = signed ? DynamicMap.Signed : DynamicMap.Unsigned;
        var sorted = Reference(signed);
        var random = new Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var value = (float)((signed ? random.Next(2) * 2 - 1 : 1) * Math.Pow(10, random.NextDouble() * -9) * random.NextDouble());
            var codes = VectorPaths.Supported.Select(path => Encode(map, value, path)).ToHashSet();
            var code = Assert.Single(codes);
            var nearest = Math.Abs(Array.BinarySearch(sorted, value) is var place && place >= 0 ? 0 : Nearest(sorted, ~place, value));
            if (!signed && code == 1 && value > 0) continue;
            Close.Assert(nearest, Math.Abs(map.Values[code] - (double)value), Math.Abs(value), 2e-6);
        }
    }

    [Fact]
    public void Encode_Ends_AreKept()
    {
        Assert.Equal(0, Encode(DynamicMap.Unsigned, 0, VectorPaths.Best));
        Assert.Equal(1, Encode(DynamicMap.Unsigned, float.Epsilon, VectorPaths.Best));
        Assert.Equal(255, Encode(DynamicMap.Unsigned, 1.001f, VectorPaths.Best));
        Assert.Equal(1, DynamicMap.Signed.Values[Encode(DynamicMap.Signed, 1.001f, VectorPaths.Best)]);
        Assert.Equal(-0.99296875, DynamicMap.Signed.Values[Encode(DynamicMap.Signed, -1.001f, VectorPaths.Best)], 6);
        Assert.Equal(0, Encode(DynamicMap.Signed, -1e-9f, VectorPaths.Best));
    }

    /// <summary>Where two decades meet, at the ends and for what is no number, too.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encode_BordersAndWhatIsNoNumber_IsTheSameInEveryWidth(bool signed)
    {
        var map = signed ? DynamicMap.Signed : DynamicMap.Unsigned;
        var sorted = map.Values.ToArray().Order().ToArray();
        var borders = sorted.Zip(sorted.Skip(1), (low, high) => (float)(((double)low + high) / 2));
        float[] values = [.. borders.SelectMany(value => new[] { value, MathF.BitIncrement(value), MathF.BitDecrement(value) }), 0, -0f, float.Epsilon, 1, -1, 2, float.PositiveInfinity, float.NaN];
        foreach (var value in values) Assert.Single(VectorPaths.Supported.Select(path => Encode(map, value, path)).ToHashSet());
        Assert.Equal(0, Encode(map, float.NaN, VectorPaths.Best));
    }

    private static double Nearest(double[] sorted, int place, double value) =>
        Math.Min(place < sorted.Length ? sorted[place] - value : double.MaxValue, place > 0 ? value - sorted[place - 1] : double.MaxValue);

    private static int Encode(DynamicMap map, float value, VectorPath path) => path switch
    {
        VectorPath.Avx512 => Encode<Avx512Lanes>(map, value),
        VectorPath.Avx2 => Encode<Avx2Lanes>(map, value),
        _ => Encode<PortableLanes>(map, value),
    };

    private static int Encode<TLanes>(DynamicMap map, float value)
        where TLanes : struct, IMemoryLanes<TLanes>
    {
        var codes = stackalloc byte[16];
        var decoded = stackalloc float[16];
        map.Encode(TLanes.Of(value), codes);
        map.Decode<TLanes>(codes).Store(decoded);
        for (var lane = 0; lane < TLanes.Width; lane++)
        {
            Assert.Equal(codes[0], codes[lane]);
            Assert.Equal(map.Values[codes[0]], decoded[lane]);
        }

        return codes[0];
    }
}
