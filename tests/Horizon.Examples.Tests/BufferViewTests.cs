using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Examples.Tests;

/// <summary>What an update rule or a gradient filter of a user's own reads and writes.</summary>
public class BufferViewTests
{
    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public void Masters_WrittenInAnyPrecision_ComeBackExactly(StorePrecision precision)
    {
        var random = new Random(1);
        float[] values = [.. Enumerable.Range(0, 1001).Select(_ => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue))).Where(float.IsFinite)];
        using var unit = new UnitState(new UnitLayout("unit", "unit", [("weight", "weight", [values.Length + 3])]), precision, []);
        unit.WriteMasters(3, values);
        var read = new float[values.Length];
        unit.ReadMasters(3, read);
        Assert.Equal(values, read);
        Assert.Throws<ArgumentOutOfRangeException>(() => unit.ReadMasters(4, read));
    }

    [Fact]
    public void Gradient_ReadAndWritten_IsExactOrRoundedToBf16()
    {
        using var slab = new HostBuffer(8 * sizeof(float));
        float[] values = [1, -2, 0.1f, 3e38f];
        var read = new float[4];
        var full = new HostGradientView(slab.Address, ElementType.Float32, 5);
        full.Write(1, values);
        full.Read(1, read);
        Assert.Equal(values, read);
        Assert.Throws<ArgumentOutOfRangeException>(() => full.Read(2, read));
        var half = new HostGradientView(slab.Address, ElementType.BFloat16, 5);
        half.Write(1, values);
        half.Read(1, read);
        Assert.All(values.Zip(read), pair => Assert.Equal(pair.First, pair.Second, Math.Abs(pair.First) / 256));
    }

    [Fact]
    public void Unit_OverBuffersThatDoNotFit_IsRefused()
    {
        using var small = new HostBuffer(4);
        var layout = new UnitLayout("unit", "unit", [("weight", "weight", [2])]);
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => new UnitState(layout, small, null, [])).Message, StringComparison.Ordinal);
    }
}
