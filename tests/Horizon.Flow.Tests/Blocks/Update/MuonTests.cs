using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Blocks;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Native;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Blocks.Update;

public class MuonTests
{
    private static readonly HostWorkers[] _teams = [new(1), new(3)];

    public MuonTests() => NativeTorch.Load();

    /// <summary>Jordan's coefficients take every s in [0.01, 1] into [0.68, 1.21] in five steps, and none beyond.</summary>
    [Cases(30, Arbitrary = [typeof(Sizes)])]
    public void Orthogonalize_SingularValuesAboveAHundredth_ComeNearOne(Size size)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var matrix = Random(size).reshape(size.Rows, size.Columns);
        var before = linalg.svdvals(matrix / matrix.norm()).data<float>().ToArray();
        var after = linalg.svdvals(NewtonSchulz.Orthogonalize(matrix)).data<float>().ToArray();
        var wanted = before.Select(Iterated).OrderDescending().ToArray();
        Assert.All(wanted.Zip(after), pair => Assert.Equal(pair.First, pair.Second, 5e-3));
        Assert.All(after, value => Assert.InRange(value, 0, 1.25f));
        if (before.All(value => value >= 0.01f)) Assert.All(after, value => Assert.InRange(value, 0.6f, 1.25f));
    }

    [Cases(30, Arbitrary = [typeof(Sizes)])]
    public void Update_ThreeStepsOfAMatrix_EqualThePlainReference(Size size, bool exactMasters)
    {
        var layout = new UnitLayout("layer", "layer", [("w", "layers.0.w", [(long)size.Rows, size.Columns])]);
        var optimizer = new Muon(new OptimizerOptions { WeightDecay = 0.1 });
        using var unit = new UnitState(layout, StorePrecision.Fp32, optimizer.DescribeState(layout));
        using var exact = new UnitState(layout, StorePrecision.Bf16, optimizer.DescribeState(layout));
        var state = exactMasters ? exact : unit;
        var masters = Numbers(size.Count, size.Seed);
        state.WriteMasters(0, masters);
        var reference = new MuonReference(size.Rows, size.Columns, 0.9, 0.1);
        var expected = Square(masters, size);
        using var buffer = new HostBuffer(size.Count * sizeof(float));
        for (var step = 1; step <= 3; step++)
        {
            var gradient = Numbers(size.Count, size.Seed + step);
            gradient.CopyTo(buffer.Span<float>(0, size.Count));
            optimizer.Update(state, new HostGradientView(buffer.Address, ElementType.Float32, size.Count), new OptimizerStep(step, 0.01, 0.5f), _teams[step % 2]);
            reference.Step(expected, Square([.. gradient.Select(value => value / 2)], size), 0.01);
        }

        state.ReadMasters(0, masters);
        // In bf16 the iteration itself runs in bf16, as its authors have it: each of the three updates has an error of some 1 %.
        var tolerance = 3 * 0.01 * 0.2 * Math.Sqrt(Math.Max(size.Rows, size.Columns)) * (exactMasters ? 0.1 : 0.002);
        Assert.All(expected.Cast<double>().Zip(masters), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }

    [Cases(30, Arbitrary = [typeof(Sizes)])]
    public void Update_WhatIsNoHiddenMatrix_IsBitwiseAdamWs(Size size, bool exactMasters)
    {
        var layout = new UnitLayout("unit", "unit",
        [
            ("norm", "layers.0.norm.weight", [(long)size.Rows]), ("w", "layers.0.w", [(long)size.Rows, size.Columns]),
            ("bias", "layers.0.bias", [(long)size.Columns]), ("e", "model.embed_tokens.weight", [(long)size.Columns, size.Rows]), ("h", "lm_head.weight", [3L, size.Rows]),
        ]);
        var options = new OptimizerOptions { Groups = [new("*norm.weight", 0.5, 0)] };
        var (muon, adamW) = (new Muon(options), OptimizerFactory.Create("adamw", options));
        var precision = exactMasters ? StorePrecision.Bf16 : StorePrecision.Fp32;
        var count = (int)layout.ElementCount;
        using var buffer = new HostBuffer(count * sizeof(float));
        Dictionary<string, float[]> Train(IHostOptimizer optimizer)
        {
            using var unit = new UnitState(layout, precision, optimizer.DescribeState(layout));
            unit.WriteMasters(0, Numbers(count, size.Seed));
            for (var step = 1; step <= 3; step++)
            {
                Numbers(count, size.Seed + step).CopyTo(buffer.Span<float>(0, count));
                optimizer.Update(unit, new HostGradientView(buffer.Address, ElementType.Float32, count), new OptimizerStep(step, 0.01, 0.7f), _teams[1]);
            }

            return layout.Parameters.ToDictionary(slot => slot.Role, slot =>
            {
                var values = new float[slot.Count];
                unit.ReadMasters(slot.Offset, values);
                return values;
            });
        }

        var (one, other) = (Train(muon), Train(adamW));
        Assert.All(layout.Parameters.Where(slot => slot.Role != "w"), slot => Assert.Equal(other[slot.Role], one[slot.Role]));
    }

    [Fact]
    public void DescribeState_UnitWithMatrices_IsOneNumberForThemAndTwoForTheRest()
    {
        var layout = new UnitLayout("layer", "layer", [("w", "layers.0.w", [5L, 7]), ("norm", "layers.0.norm.weight", [7L])]);
        Assert.Equal([("momentum", 140), ("exp_avg", 28), ("exp_avg_sq", 28)], new Muon().DescribeState(layout).Select(buffer => (buffer.Name, buffer.ByteLength)));
    }

    /// <summary>On the graph, with late copies and poisoned buffers, against any other bounds; and it learns something.</summary>
    [Cases(8, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_WithMuon_AnyCapacitiesAndTiming_IsBitwiseEqual(TrainingCase @case, bool bf16, PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16 };
        static TrainingPlan WithMuon(TrainingPlan plan) => TrainingPlan.For(plan.Model, plan.Options with { Optimizer = new Muon() });
        var first = await tested.TrainAsync(new Capacities(1, 1, 1, 1, 1, 1), WithMuon);
        var second = await tested.TrainAsync(rewire: WithMuon, device: () => new JitterDevice(seed.Get));
        Assert.True(first.IsBitwise(second));
        Assert.All(first.Parameters.Values, values => Assert.All(values, value => Assert.True(float.IsFinite(value))));
    }

    private static double Iterated(float value)
    {
        double s = value;
        for (var step = 0; step < 5; step++) s = (3.4445 * s) - (4.7750 * Math.Pow(s, 3)) + (2.0315 * Math.Pow(s, 5));
        return s;
    }

    private static Tensor Random(Size size) => tensor(Numbers(size.Count, size.Seed));

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    private static double[,] Square(float[] values, Size size)
    {
        var result = new double[size.Rows, size.Columns];
        for (var i = 0; i < values.Length; i++) result[i / size.Columns, i % size.Columns] = values[i];
        return result;
    }

    public sealed record Size(int Rows, int Columns, int Seed)
    {
        public int Count => Rows * Columns;
    }

    public static class Sizes
    {
        public static Arbitrary<Size> Any() =>
            (from rows in Gen.Choose(1, 24)
             from columns in Gen.Choose(1, 24)
             from seed in Gen.Choose(0, 1 << 30)
             select new Size(rows, columns, seed)).ToArbitrary();
    }
}
