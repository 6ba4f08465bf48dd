using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

/// <summary>What every update rule promises, whatever it computes.</summary>
public abstract class OptimizerContractTests
{
    private static readonly HostWorkers[] _teams = [new(1), new(2), new(3)];

    internal abstract IHostOptimizer Create(OptimizerOptions options, VectorPath path);

    [Cases(10)]
    public void Update_AnyThreadsAndInstructions_BitwiseEqual(int seed)
    {
        var example = OptimizerCase.From(seed);
        byte[][]? expected = null;
        foreach (var path in VectorPaths.Supported)
        {
            var optimizer = Create(new(), path);
            foreach (var team in _teams)
            {
                using var unit = example.Create(optimizer);
                example.Train(unit, optimizer, team);
                AssertSame(expected ??= unit.Bytes, unit.Bytes);
            }
        }
    }

    /// <summary>Weights first and the state behind them, in any instructions: the bits of one sweep. A rule that cannot says so, and refuses.</summary>
    [Cases(10)]
    public void Update_InParts_BitwiseAsInOne(int seed)
    {
        var example = OptimizerCase.From(seed);
        foreach (var path in VectorPaths.Supported)
        {
            var optimizer = Create(new() { Groups = [new("p1", 0.5, 0)] }, path);
            using var whole = example.Create(optimizer);
            using var parts = example.Create(optimizer);
            for (var number = 1; number <= 3; number++)
            {
                var step = new OptimizerStep(number, 1e-2 / number, 0.7f);
                whole.Gradients = parts.Gradients = example.Gradient(number);
                if (!optimizer.UpdatesInParts)
                {
                    Assert.Contains(optimizer.Name, Assert.Throws<ArgumentException>(() => optimizer.Update(parts.State, parts.Gradient, step with { Parts = UpdateParts.Weights }, _teams[0])).Message, StringComparison.Ordinal);
                    return;
                }

                optimizer.Update(whole.State, whole.Gradient, step, _teams[0]);
                var state = parts.State.OptimizerState.Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray()).ToArray();
                optimizer.Update(parts.State, parts.Gradient, step with { Parts = UpdateParts.Weights }, _teams[1]);
                AssertSame(state, [.. parts.State.OptimizerState.Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray())]);
                Assert.Equal(whole.Masters, parts.Masters);
                optimizer.Update(parts.State, parts.Gradient, step with { Parts = UpdateParts.State }, _teams[2]);
                AssertSame(whole.Bytes, parts.Bytes);
            }
        }
    }

    [Cases(10)]
    public void Update_ExactMasters_BitwiseAsFp32(int seed)
    {
        var example = OptimizerCase.From(seed);
        var optimizer = Create(new(), VectorPaths.Best);
        using var plain = example.Create(optimizer, StorePrecision.Fp32, ElementType.Float32);
        using var exact = example.Create(optimizer, StorePrecision.Bf16, ElementType.BFloat16);
        example.Train(plain, optimizer, _teams[0]);
        example.Train(exact, optimizer, _teams[0]);
        AssertSame([Bytes(plain.Masters)], [Bytes(exact.Masters)]);
        AssertSame(plain.Bytes[1..], exact.Bytes[2..]);
    }

    [Cases(10)]
    public void Update_GradientScale_AsScaledGradient(int seed)
    {
        var example = OptimizerCase.From(seed);
        const float Scale = 0.3f;
        var optimizer = Create(new(), VectorPaths.Best);
        using var scaled = example.Create(optimizer, gradientType: ElementType.Float32);
        using var plain = example.Create(optimizer, gradientType: ElementType.Float32);
        scaled.Gradients = example.Gradient(1);
        plain.Gradients = [.. example.Gradient(1).Select(value => value * Scale)];
        optimizer.Update(scaled.State, scaled.Gradient, new(1, 0.01, Scale), _teams[0]);
        optimizer.Update(plain.State, plain.Gradient, new(1, 0.01, 1), _teams[0]);
        AssertSame(plain.Bytes, scaled.Bytes);
    }

    [Cases(10)]
    public void Update_ZeroGradientWithoutDecay_ChangesNothing(int seed)
    {
        var example = OptimizerCase.From(seed);
        var optimizer = Create(new() { WeightDecay = 0 }, VectorPaths.Best);
        using var unit = example.Create(optimizer);
        var before = unit.Masters;
        optimizer.Update(unit.State, unit.Gradient, new(1, 0.01, 1), _teams[1]);
        AssertSame([Bytes(before)], [Bytes(unit.Masters)]);
        Assert.All(unit.State.OptimizerState, buffer => Assert.True(buffer.Span<byte>(0, (int)buffer.ByteLength).IndexOfAnyExcept((byte)0) < 0));
    }

    [Cases(10)]
    public void Update_Groups_AsUnitsOfTheirOwn(int seed)
    {
        var example = OptimizerCase.From(seed);
        var groups = new ParameterGroup[] { new("p1", 0.5, 0), new("*2", 3), new("?0", 0.25, 0.3) };
        var together = Create(new() { Groups = groups }, VectorPaths.Best);
        using var whole = example.Create(together);
        example.Train(whole, together, _teams[1]);
        var (masters, start) = (whole.Masters, example.Layout);
        foreach (var slot in start.Parameters)
        {
            var group = groups.FirstOrDefault(candidate => candidate.Matches(slot.TensorName));
            var alone = Create(new() { WeightDecay = group?.WeightDecay ?? 0.1 }, VectorPaths.Best);
            using var part = new TestUnit(new("part", "part", [(slot.Role, slot.TensorName, slot.Shape.ToArray())]), example.Precision, example.GradientType, alone, seed);
            var range = new Range((int)slot.Offset, (int)(slot.Offset + slot.Count));
            part.Masters = TestUnit.RandomNumbers(whole.Count, seed)[range];
            for (var step = 1; step <= 3; step++)
            {
                part.Gradients = example.Gradient(step)[range];
                alone.Update(part.State, part.Gradient, new(step, 1e-2 / step * (group?.LearningRateFactor ?? 1), 0.7f), _teams[0]);
            }

            AssertSame([Bytes(masters[range])], [Bytes(part.Masters)]);
        }
    }

    /// <summary>What is fixed in front of a unit is no part of what is trained of it: that is updated to the same bits as a unit of its own, from any odd place on.</summary>
    [Cases(10)]
    public void Update_TrainedPart_IsThatOfAUnitOfItsOwn(int seed)
    {
        var example = OptimizerCase.From(seed);
        var fixedCount = new Random(seed).Next(1, 70);
        var slots = example.Layout.Parameters.Select(slot => (slot.Role, slot.TensorName, slot.Shape.ToArray()));
        var layout = new UnitLayout("test unit", "test", [("base", "base", [fixedCount]), .. slots], new HashSet<string> { "base" });
        var optimizer = Create(new(), VectorPaths.Best);
        using var alone = example.Create(optimizer);
        using var whole = new UnitState(layout, example.Precision, optimizer.DescribeState(layout.Trained));
        var values = RandomNumbers(fixedCount);
        whole.WriteMasters(0, [.. values, .. alone.Masters]);
        var before = Masters(whole)[..fixedCount];
        for (var step = 1; step <= 3; step++)
        {
            alone.Gradients = example.Gradient(step);
            optimizer.Update(alone.State, alone.Gradient, new OptimizerStep(step, 1e-2, 0.7f), _teams[1]);
            optimizer.Update(whole.Trained, alone.Gradient, new OptimizerStep(step, 1e-2, 0.7f), _teams[1]);
        }

        Assert.Equal(before, Masters(whole)[..fixedCount]);
        Assert.Equal(example.Precision == StorePrecision.Fp32 ? values : [.. values.Select(value => ExactMaster.Join(ExactMaster.Split(value).Weight, 0))], before);
        Assert.Equal(alone.Masters, Masters(whole)[fixedCount..]);
        Assert.Throws<ArgumentException>(() => optimizer.Update(whole, alone.Gradient, new OptimizerStep(4, 1e-2, 1), _teams[1]));

        float[] RandomNumbers(int count)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        }

        static float[] Masters(UnitState unit)
        {
            var masters = new float[unit.Layout.ElementCount];
            unit.ReadMasters(0, masters);
            return masters;
        }
    }

    /// <summary>What is fixed keeps its values, whatever group it is in; the others are updated as if it were not there.</summary>
    [Cases(10)]
    public void Update_FixedParameter_StaysAsItIs(int seed)
    {
        var example = OptimizerCase.From(seed);
        var slots = example.Layout.Parameters;
        if (slots.Count == 1) return;
        var chosen = slots[new Random(seed).Next(1, slots.Count)];
        var layout = new UnitLayout("test unit", "test", slots.Select(slot => (slot.Role, slot.TensorName, slot.Shape.ToArray())), new HashSet<string> { chosen.Role });
        var optimizer = Create(new() { Groups = [new("*", 2, 0.5)] }, VectorPaths.Best);
        using var trained = example.Create(optimizer);
        using var held = (example with { Layout = layout }).Create(optimizer);
        var before = held.Masters;
        example.Train(trained, optimizer, _teams[1]);
        example.Train(held, optimizer, _teams[1]);
        foreach (var slot in slots)
        {
            var range = new Range((int)slot.Offset, (int)(slot.Offset + slot.Count));
            Assert.Equal((slot == chosen ? before : trained.Masters)[range], held.Masters[range]);
        }
    }

    [Fact]
    public void Update_AfterTheFirst_AllocatesNothing()
    {
        var optimizer = Create(new(), VectorPaths.Best);
        using var unit = new TestUnit(TestUnit.Layout(1000, HostWorkers.ChunkElements * 2), StorePrecision.Bf16, ElementType.BFloat16, optimizer, 1);
        foreach (var team in _teams[..2])
        {
            // A collection on behalf of other tests can charge the rest of an allocation buffer to this thread: the least counts.
            Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => Allocated(() => optimizer.Update(unit.State, unit.Gradient, new(3, 0.01, 1), team))));
        }

        static long Allocated(Action update)
        {
            update();
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20; i++) update();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Update_GradientOfAnotherLength_IsRefused()
    {
        var optimizer = Create(new(), VectorPaths.Best);
        using var unit = new TestUnit(TestUnit.Layout(10), StorePrecision.Fp32, ElementType.Float32, optimizer, 1);
        Assert.Throws<ArgumentException>(() => optimizer.Update(unit.State, unit.Gradient with { Count = 9 }, new(1, 0.01, 1), _teams[0]));
    }

    [Fact]
    public void Update_GradientOfIntegers_IsRefused()
    {
        var optimizer = Create(new(), VectorPaths.Best);
        using var unit = new TestUnit(TestUnit.Layout(10), StorePrecision.Fp32, ElementType.Float32, optimizer, 1);
        Assert.Throws<ArgumentException>(() => optimizer.Update(unit.State, unit.Gradient with { Type = ElementType.Int16 }, new(1, 0.01, 1), _teams[0]));
    }

    private static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    private static void AssertSame(byte[][] expected, byte[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var same = expected[i].AsSpan().CommonPrefixLength(actual[i]);
            Assert.True(same == expected[i].Length && same == actual[i].Length, $"buffer {i} differs from byte {same} of {expected[i].Length} on");
        }
    }
}
