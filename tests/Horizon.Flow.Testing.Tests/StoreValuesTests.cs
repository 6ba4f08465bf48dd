using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Testing.Tests;

/// <summary>Arrays go into a store and come back bit by bit, each into its own parameter.</summary>
public sealed class StoreValuesTests
{
    [Cases(40)]
    public void WriteThenRead_AnyNumbers_GivesThemBack(int seed, bool bf16)
    {
        var random = new Random(seed);
        using var store = Store(bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32, random.Next(1, 9), random.Next(1, 9));
        var values = store.Units.SelectMany(unit => unit.Layout.Parameters).ToDictionary(
            slot => slot.TensorName, slot => Enumerable.Range(0, (int)slot.Count).Select(_ => (float)random.NextDouble() - 0.5f).ToArray());
        StoreValues.Write(store, values);
        Assert.Equal(values, StoreValues.Read(store));
    }

    /// <summary>One value too many would lie in the next parameter, one too few would leave a number of before.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Write_OtherLength_NamesTheTensor(int length)
    {
        using var store = Store(StorePrecision.Fp32, 2, 2);
        var error = Assert.Throws<TestingException>(() => StoreValues.Write(store, new Dictionary<string, float[]> { ["a"] = new float[length], ["b"] = new float[2] }));
        Assert.Equal($"a has 2 elements, {length} values were given", error.Message);
    }

    private static ParameterStore Store(StorePrecision precision, long first, long second) =>
        new([new UnitState(new UnitLayout("unit", "unit", [("a", "a", [first]), ("b", "b", [second])]), precision, [])]);
}
