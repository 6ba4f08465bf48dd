using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Tests;

/// <summary>A random layout, precisions and seed; made from one number so that a failing case is easy to repeat.</summary>
internal sealed record OptimizerCase(UnitLayout Layout, StorePrecision Precision, ElementType GradientType, int Seed)
{
    /// <summary>Lengths around every border: registers, blocks of 256, chunks.</summary>
    private static readonly long[] _lengths =
    [
        0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 255, 256, 257, 1000, 4097,
        HostWorkers.ChunkElements - 1, HostWorkers.ChunkElements, HostWorkers.ChunkElements + 1, (2 * HostWorkers.ChunkElements) + 77,
    ];

    public static OptimizerCase From(int seed)
    {
        var random = new Random(seed);
        var parameters = Enumerable.Range(0, random.Next(1, 5)).Select(index => ($"p{index}", $"p{index}", Shape(random)));
        return new(
            new UnitLayout("test unit", "test", parameters.ToArray()),
            random.Next(2) == 0 ? StorePrecision.Fp32 : StorePrecision.Bf16,
            random.Next(2) == 0 ? ElementType.Float32 : ElementType.BFloat16,
            seed);
    }

    private static long[] Shape(Random random) => random.Next(3) == 0
        ? [random.Next(1, 70), random.Next(1, 300)]
        : [_lengths[random.Next(_lengths.Length)]];

    /// <summary>The same case in other precisions.</summary>
    public TestUnit Create(IHostOptimizer optimizer, StorePrecision? precision = null, ElementType? gradientType = null) =>
        new(Layout, precision ?? Precision, gradientType ?? GradientType, optimizer, Seed);

    /// <summary>Runs some steps with new gradients at each.</summary>
    public void Train(TestUnit unit, IHostOptimizer optimizer, HostWorkers workers, int steps = 3, float scale = 0.7f)
    {
        for (var step = 1; step <= steps; step++)
        {
            unit.Gradients = Gradient(step);
            optimizer.Update(unit.State, unit.Gradient, new OptimizerStep(step, 1e-2 / step, scale), workers);
        }
    }

    /// <summary>The gradient of a step, exact in bf16.</summary>
    public float[] Gradient(int step) =>
        [.. TestUnit.RandomNumbers((int)Layout.ElementCount, (Seed * 31) + step)
            .Select(value => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000))];
}
