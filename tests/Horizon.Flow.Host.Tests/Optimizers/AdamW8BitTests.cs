using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class AdamW8BitTests : OptimizerContractTests
{
    private const int Block = 256;

    internal override IHostOptimizer Create(OptimizerOptions options, VectorPath path) => new AdamW8Bit(options) { Path = path };

    [Cases(20)]
    public void Update_SomeSteps_EachAsInDoubleFromTheDecodedState(int seed)
    {
        var example = OptimizerCase.From(seed);
        var optimizer = Create(new(), VectorPaths.Best);
        using var unit = example.Create(optimizer);
        using var workers = new HostWorkers(2);
        for (var step = 1; step <= 3; step++)
        {
            var (weights, means, squares) = (unit.Masters, Decode(unit, 0), Decode(unit, 1));
            unit.Gradients = example.Gradient(step);
            optimizer.Update(unit.State, unit.Gradient, new(step, 0.01, 0.5f), workers);
            var (gradients, masters, newMeans, newSquares) = (unit.Gradients, unit.Masters, Decode(unit, 0), Decode(unit, 1));
            foreach (var slot in example.Layout.Parameters)
                for (var start = slot.Offset; start < slot.Offset + slot.Count; start += Block)
                    CheckBlock((int)start, (int)Math.Min(start + Block, slot.Offset + slot.Count), step);

            void CheckBlock(int start, int end, int number)
            {
                var (m, v) = (new double[end - start], new double[end - start]);
                for (var i = start; i < end; i++)
                {
                    var g = 0.5 * gradients[i];
                    (m[i - start], v[i - start]) = ((0.9 * means[i]) + (0.1 * g), (0.95 * squares[i]) + (0.05 * g * g));
                    var change = 0.01 * m[i - start] / (1 - Math.Pow(0.9, number)) / (Math.Sqrt(v[i - start] / (1 - Math.Pow(0.95, number))) + 1e-8);
                    Close.Assert((weights[i] * (1 - 0.001)) - change, masters[i], 1, 1e-6);
                }

                // Rounding to 8 bits: within half a bin of the value's decade, or below the least number of the map.
                var (largestMean, largestSquare) = (m.Max(Math.Abs), v.Max());
                for (var i = 0; i < m.Length; i++)
                {
                    Close.Assert(m[i], newMeans[start + i], Bin(Math.Abs(m[i]), largestMean, 64), 0.501);
                    Close.Assert(v[i], newSquares[start + i], Bin(v[i], largestSquare, 128), 0.501);
                }
            }
        }

        static double Bin(double value, double largest, int bins)
        {
            for (var unit = largest; bins > 1 && unit > 0; unit /= 10, bins /= 2)
                if (value > unit / 10) return 0.9 * unit / bins * 1.4;
            return largest * 1e-6;
        }
    }

    /// <summary>Least squares with a known answer: 8-bit moments get there as fp32 ones do.</summary>
    [Fact]
    public void Update_LeastSquares_ConvergesAsWithFp32Moments()
    {
        var target = TestUnit.RandomNumbers(3000, 5);
        double Loss(IHostOptimizer optimizer)
        {
            using var workers = new HostWorkers(1);
            using var unit = new TestUnit(TestUnit.Layout(3000), StorePrecision.Bf16, ElementType.Float32, optimizer, 6);
            for (var step = 1; step <= 300; step++)
            {
                unit.Gradients = [.. unit.Masters.Zip(target, (weight, goal) => weight - goal)];
                optimizer.Update(unit.State, unit.Gradient, new(step, 0.02 * (1 - (step / 301.0)), 1), workers);
            }

            return unit.Masters.Zip(target, (weight, goal) => (double)(weight - goal) * (weight - goal)).Sum();
        }

        var options = new OptimizerOptions { WeightDecay = 0 };
        var start = TestUnit.RandomNumbers(3000, 6).Zip(target, (weight, goal) => (double)(weight - goal) * (weight - goal)).Sum();
        Assert.InRange(Loss(new AdamW(options)), 0, start * 1e-4);
        Assert.InRange(Loss(new AdamW8Bit(options)), 0, start * 1e-4);
    }

    [Fact]
    public void DescribeState_LargeMatrix_SixBytesInAll()
    {
        var layout = new UnitLayout("unit", "unit", [("a", "a", [1024, 1024])]);
        using var unit = new UnitState(layout, StorePrecision.Bf16, Create(new(), VectorPaths.Best).DescribeState(layout));
        Assert.InRange((double)unit.ByteLength / layout.ElementCount, 6, 6.04);
    }

    private static float[] Decode(TestUnit unit, int moment)
    {
        var (codes, scales) = (unit.State.OptimizerState[moment].Span<byte>(0, unit.Count).ToArray(), unit.StateNumbers(moment + 2));
        var values = (moment == 0 ? DynamicMap.Signed : DynamicMap.Unsigned).Values.ToArray();
        var (numbers, block) = (new float[unit.Count], 0);
        foreach (var slot in unit.State.Layout.Parameters)
            for (long i = 0; i < slot.Count; i += Block, block++)
                for (var j = slot.Offset + i; j < Math.Min(slot.Offset + i + Block, slot.Offset + slot.Count); j++) numbers[j] = values[codes[j]] * scales[block];
        return numbers;
    }
}
