using FsCheck;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Models.Tests;

public class DecoderInitializerTests
{
    private const double Deviation = 0.02;

    private static readonly ModelCase Model = new(
        1, 1, 1, 4, 8, 8, 16, Tied: true, false, false, false, false, null, Horizon.Flow.Models.RopeKind.Default, PaddingToken: 3, 1, 1, false, 0);

    [Cases(50)]
    public void Fill_InPieces_IsTheWhole(long seed, PositiveInt piece)
    {
        var slot = new ParameterSlot(Roles.Down, "model.layers.0.mlp.down_proj.weight", [10, 33], 0);
        var whole = Fill(slot, seed, 0, 330);
        for (var offset = 0; offset < 330; offset += piece.Get)
            Assert.Equal(whole[offset..Math.Min(330, offset + piece.Get)], Fill(slot, seed, offset, Math.Min(piece.Get, 330 - offset)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(long.MaxValue)]
    public void Fill_Weights_AreNormal(long seed)
    {
        var values = Fill(new ParameterSlot(Roles.Down, "w", [1 << 20], 0), seed, 0, 1 << 20).Select(value => value / Deviation).ToArray();
        double Moment(int power) => values.Average(value => Math.Pow(value, power));
        // Standard errors at 2^20 draws: 0.001, 0.0014, 0.004, 0.0096. Five of them.
        Assert.Equal(0, Moment(1), 0.005);
        Assert.Equal(1, Moment(2), 0.007);
        Assert.Equal(0, Moment(3), 0.02);
        Assert.Equal(3, Moment(4), 0.05);
        Assert.Equal(0, values.Zip(values.Skip(1), (left, right) => left * right).Average(), 0.005);
        Assert.Equal(0.31731, values.Count(value => Math.Abs(value) > 1) / (double)values.Length, 0.003);
    }

    [Fact]
    public void Fill_OtherSeedOrName_IsIndependent()
    {
        var slot = new ParameterSlot(Roles.Down, "model.layers.0.mlp.down_proj.weight", [4096], 0);
        var first = Fill(slot, 1, 0, 4096);
        float[][] others = [Fill(slot, 2, 0, 4096), Fill(slot with { TensorName = "model.layers.1.mlp.down_proj.weight" }, 1, 0, 4096)];
        Assert.Equal(first, Fill(slot, 1, 0, 4096));
        Assert.All(others, other => Assert.InRange(
            Math.Abs(first.Zip(other, (left, right) => (double)left * right).Average()) / (Deviation * Deviation), 0, 5.0 / 64));
    }

    [Fact]
    public void Fill_NormsBiasesAndPadding_AreOnesAndZeros()
    {
        Assert.All(Fill(new ParameterSlot(Roles.InputNorm, "n", [64], 0), 1, 0, 64), value => Assert.Equal(1, value));
        Assert.All(Fill(new ParameterSlot(Roles.QueryBias, "b", [64], 0), 1, 0, 64), value => Assert.Equal(0, value));
        var table = Fill(new ParameterSlot(Roles.Embedding, "e", [16, 8], 0), 1, 16, 32);
        Assert.Equal([.. Enumerable.Range(0, 32).Select(place => place / 8 == 1)], [.. table.Select(value => value == 0)]);
    }

    private static float[] Fill(ParameterSlot slot, long seed, long offset, int count)
    {
        var values = new float[count];
        new DecoderInitializer(Model.Config).Fill(slot, seed, offset, values);
        return values;
    }
}
