using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class GradientSweepsTests
{
    private static readonly HostWorkers[] _teams = [new(1), new(2), new(3)];

    [Cases(30)]
    public void SumOfSquares_AnyThreadsAndInstructions_BitwiseEqualAndRight(int seed)
    {
        using var unit = Unit(seed, out var values);
        var expected = values.Sum(value => (double)value * value);
        var sums = new HashSet<long>();
        foreach (var path in VectorPaths.Supported)
            foreach (var team in _teams)
                sums.Add(BitConverter.DoubleToInt64Bits(GradientSweeps.SumOfSquares(unit.Gradient, team, path).Value));
        var sum = BitConverter.Int64BitsToDouble(Assert.Single(sums));
        Assert.True(Math.Abs(sum - expected) <= 1e-11 * expected, $"expected {expected}, was {sum}");
    }

    [Cases(30)]
    public void SumOfSquares_OneBadElement_IsNotFinite(int seed, uint place, byte kind)
    {
        using var unit = Unit(seed, out var values);
        Assert.True(GradientSweeps.SumOfSquares(unit.Gradient, _teams[1]).IsFinite);
        if (values.Length == 0) return;
        values[place % values.Length] = new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity }[kind % 3];
        unit.Gradients = values;
        Assert.All(VectorPaths.Supported, path => Assert.False(GradientSweeps.SumOfSquares(unit.Gradient, _teams[1], path).IsFinite));
    }

    [Fact]
    public void SumOfSquares_LargestNumbers_StayFinite()
    {
        using var unit = new TestUnit(TestUnit.Layout(1000), StorePrecision.Fp32, ElementType.Float32, new AdamW(new()), 1);
        unit.Gradients = [.. Enumerable.Repeat(float.MaxValue, 1000)];
        Assert.True(GradientSweeps.SumOfSquares(unit.Gradient, _teams[0]).IsFinite);
    }

    [Cases(30)]
    public void Accumulate_TwoSlabs_SumAndNormAreRight(int seed)
    {
        using var unit = Unit(seed, out var first);
        var second = OptimizerCase.From(seed).Gradient(2);
        foreach (var path in VectorPaths.Supported)
        {
            foreach (var team in _teams)
            {
                using var accumulator = new HostBuffer(first.Length * sizeof(float));
                accumulator.Span<float>(0, first.Length).Fill(float.NaN);
                unit.Gradients = first;
                GradientSweeps.Accumulate(accumulator.Address, unit.Gradient, true, team, path);
                unit.Gradients = second;
                var norm = GradientSweeps.Accumulate(accumulator.Address, unit.Gradient, false, team, path);
                var total = accumulator.Span<float>(0, first.Length).ToArray();
                Assert.True(first.Zip(second, (a, b) => a + b).SequenceEqual(total));
                Assert.Equal(norm, GradientSweeps.SumOfSquares(new(accumulator.Address, ElementType.Float32, first.Length), _teams[0]));
            }
        }
    }

    private static TestUnit Unit(int seed, out float[] gradient)
    {
        var example = OptimizerCase.From(seed);
        var unit = example.Create(new AdamW(new()));
        unit.Gradients = gradient = example.Gradient(1);
        return unit;
    }
}
