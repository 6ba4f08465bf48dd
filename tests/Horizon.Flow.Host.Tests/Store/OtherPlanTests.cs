using FsCheck;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

/// <summary>A store that goes on for another choice of units: what it held stays.</summary>
public sealed class OtherPlanTests
{
    private static readonly IHostOptimizer _optimizer = OptimizerFactory.Create("adamw");
    private static readonly OwnBuffer _kept = new("kept", layout => layout.ElementCount * 2);

    /// <summary>Whatever is frozen and unfrozen on the way, a unit's numbers and counts are as they were, and what it never had is zero.</summary>
    [Cases(40)]
    public void For_AnyChoices_KeepsEveryNumberAndCount(PositiveInt seed)
    {
        var random = new System.Random(seed.Get);
        var layouts = Enumerable.Range(0, 4).Select(unit => new UnitLayout($"unit {unit}", "unit", [("w", $"w{unit}", (long[])[random.Next(1, 9)])])).ToList();
        var first = Choice(random);
        var store = ParameterStore.Create(layouts, random.Next(2) == 0 ? StorePrecision.Fp32 : StorePrecision.Bf16, _optimizer, first.Contains, own: [_kept, new("other", _ => 3)]);
        foreach (var buffer in Buffers(store)) random.NextBytes(buffer.Span<byte>(0, (int)buffer.ByteLength));
        store.Reset(9, [.. layouts.Select(_ => (long)random.Next(10))]);
        foreach (var unit in store.Units) unit.Updates = random.Next(5);
        var before = store.Units.Select((_, i) => Read(store, i)).ToList();
        var wasTrained = layouts.Where(first.Contains).ToHashSet();
        for (var i = 0; i < 3; i++)
        {
            var (old, next) = (store, Choice(random));
            store = old.For(_optimizer, next.Contains, own: [new("new", _ => 7), _kept]);
            wasTrained.UnionWith(layouts.Where(next.Contains));
            old.Dispose();
            Assert.True(old.IsHandedOver);
            Assert.Contains("handed over", Assert.Throws<HorizonException>(() => old.For(_optimizer)).Message, StringComparison.Ordinal);
            Assert.Equal(layouts.Select(next.Contains), layouts.Select((_, unit) => store.IsTrainable(unit)));
        }

        using (store)
        {
            Assert.Equal((9L, null), (store.Step, store.Damage));
            foreach (var (expected, actual, layout) in before.Zip(store.Units.Select((_, i) => Read(store, i)), layouts))
            {
                Assert.Equal(expected.Counts, actual.Counts);
                Assert.Equal(expected.Masters, actual.Masters);
                Assert.Equal(expected.Kept, actual.Kept);
                var zeros = _optimizer.DescribeState(layout).Select(buffer => new byte[buffer.ByteLength]);
                Assert.Equal(expected.State.Length > 0 ? expected.State : wasTrained.Contains(layout) ? zeros : [], actual.State);
            }

            Assert.All(store.Units, unit => Assert.Equal(["kept", "new"], unit.Own.Keys));
            Assert.All(store.Units, unit => Assert.Equal(new byte[7], unit.Own["new"].Span<byte>(0, 7).ToArray()));
        }
    }

    [Fact]
    public void For_WhereItCannot_IsRefusedAndTheStoreIsAsItWas()
    {
        using var store = ParameterStore.Create([new UnitLayout("unit", "unit", [("w", "w", (long[])[3])])], StorePrecision.Fp32, _optimizer);
        Assert.Equal(
            "the store keeps the state of 'adamw', betas 0.9, 0.95, which is not that of 'adamw', betas 0.5, 0.5; keep the optimizer and its settings, or create a new store with the plan's CreateStore",
            Assert.Throws<HorizonException>(() => store.For(OptimizerFactory.Create("adamw", new() { Betas = (0.5, 0.5) }))).Message);
        store.Begin(1);
        Assert.Contains("a step after step 0 is under way", Assert.Throws<HorizonException>(() => store.For(_optimizer)).Message, StringComparison.Ordinal);
        Assert.False(store.IsHandedOver);
        store.Advance(0, 1);
        using var next = store.For(_optimizer, _ => false);
        Assert.Throws<InvalidOperationException>(() => next.Begin(2, [0]));
    }

    private static (Func<UnitLayout, bool> Contains, int Bits) Choice(System.Random random)
    {
        var bits = random.Next(1, 16);
        return (layout => (bits >> (layout.Name[^1] - '0') & 1) == 1, bits);
    }

    private static IEnumerable<HostBuffer> Buffers(ParameterStore store) =>
        store.Units.SelectMany(unit => unit.OptimizerState.Concat(unit.Own.Values).Append(unit.Weights).Append(unit.Difference)).OfType<HostBuffer>();

    private static ((long Version, long Updates) Counts, byte[][] Masters, byte[] Kept, byte[][] State) Read(ParameterStore store, int index)
    {
        var unit = store.Units[index];
        static byte[] Bytes(HostBuffer buffer) => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray();
        return ((store.VersionOf(index), unit.Updates), [.. new[] { unit.Weights, unit.Difference }.OfType<HostBuffer>().Select(Bytes)], Bytes(unit.Own["kept"]), [.. unit.OptimizerState.Select(Bytes)]);
    }
}
