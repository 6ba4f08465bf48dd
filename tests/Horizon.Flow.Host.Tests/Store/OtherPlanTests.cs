using System.Runtime.InteropServices;
using FsCheck;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
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
        var layouts = Layouts(random);
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

            Assert.Equal(layouts.Select(layout => store.Precision == StorePrecision.Bf16 && wasTrained.Contains(layout)), store.Units.Select(unit => unit.Difference is not null));
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

    /// <summary>Whichever new buffer cannot be made: the store has its buffers and numbers, those made before are freed, and it goes on.</summary>
    [Cases(40)]
    public void For_BufferThatCannotBeMade_LeavesTheStoreAsItWas(PositiveInt seed)
    {
        var random = new System.Random(seed.Get);
        var layouts = Layouts(random);
        var trained = Choice(random);
        var store = ParameterStore.Create(layouts, StorePrecision.Bf16, _optimizer, trained.Contains, own: [_kept, new("other", _ => 3)]);
        foreach (var buffer in Buffers(store)) random.NextBytes(buffer.Span<byte>(0, (int)buffer.ByteLength));
        var (buffers, contents) = (Buffers(store).ToList(), Buffers(store).Select(Bytes).ToList());
        IReadOnlyList<OwnBuffer> own = [_kept, new("other", _ => 5), new("new", _ => 7)];
        var needed = layouts.Sum(layout => 2 + (trained.Contains(layout) ? 0 : 1 + _optimizer.DescribeState(layout).Count));
        for (var possible = 0; possible < needed; possible++)
        {
            var made = new List<HostBuffer>();
            Assert.Throws<OutOfMemoryException>(() => store.For(_optimizer, allocate: bytes => Counted(made, possible, bytes), own: own));
            RequireAsBefore();
            Assert.Equal(possible, made.Count);
            Assert.All(made, buffer => Assert.Throws<ObjectDisposedException>(() => buffer.Address));
        }

        Assert.Throws<NotSupportedException>(() => store.For(_optimizer, own: [new("new", layout => layout == layouts[^1] ? throw new NotSupportedException() : 7)]));
        Assert.Throws<NotSupportedException>(() => store.For(_optimizer, layout => layout == layouts[^1] ? throw new NotSupportedException() : true, own: own));
        RequireAsBefore();
        var all = new List<HostBuffer>();
        using var next = store.For(_optimizer, allocate: bytes => Counted(all, needed, bytes), own: own);
        Assert.Equal(needed, all.Count);
        next.Begin(1);

        void RequireAsBefore()
        {
            Assert.Equal((null, false), (store.Damage, store.IsHandedOver));
            Assert.Equal(buffers, Buffers(store));
            Assert.Equal(contents, Buffers(store).Select(Bytes));
        }
    }

    /// <summary>A store in files, say, does not get its later buffers from somewhere else.</summary>
    [Fact]
    public void For_WithoutAnAllocator_TakesTheOneOfTheUnits()
    {
        var made = new List<HostBuffer>();
        UnitLayout[] layouts = [new("unit", "unit", [("w", "w", [3])])];
        var store = ParameterStore.Create(layouts, StorePrecision.Fp32, _optimizer, _ => false, bytes => Counted(made, int.MaxValue, bytes));
        using var next = store.For(_optimizer, own: [_kept]);
        Assert.Equal(Buffers(next), made);
        next.Units[0].RenewOptimizerState(_optimizer.DescribeState(layouts[0]));
        Assert.Equal(next.Units[0].OptimizerState, made.TakeLast(2));
    }

    private static HostBuffer Counted(List<HostBuffer> made, int possible, long bytes)
    {
        if (made.Count == possible) throw new OutOfMemoryException();
        made.Add(new HostBuffer(bytes));
        return made[^1];
    }

    private static List<UnitLayout> Layouts(System.Random random) =>
        [.. Enumerable.Range(0, 4).Select(unit => new UnitLayout($"unit {unit}", "unit", [("w", $"w{unit}", (long[])[random.Next(1, 9)])]))];

    private static (Func<UnitLayout, bool> Contains, int Bits) Choice(System.Random random)
    {
        var bits = random.Next(1, 16);
        return (layout => (bits >> (layout.Name[^1] - '0') & 1) == 1, bits);
    }

    private static byte[] Masters(UnitState unit)
    {
        var masters = new float[unit.Layout.ElementCount];
        unit.ReadMasters(0, masters);
        return MemoryMarshal.AsBytes(masters.AsSpan()).ToArray();
    }

    private static IEnumerable<HostBuffer> Buffers(ParameterStore store) => store.Units.SelectMany(unit => unit.Buffers);

    private static byte[] Bytes(HostBuffer buffer) => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray();

    private static ((long Version, long Updates) Counts, byte[] Masters, byte[] Kept, byte[][] State) Read(ParameterStore store, int index)
    {
        var unit = store.Units[index];
        return ((store.VersionOf(index), unit.Updates), Masters(unit), Bytes(unit.Own["kept"]), [.. unit.OptimizerState.Select(Bytes)]);
    }
}
