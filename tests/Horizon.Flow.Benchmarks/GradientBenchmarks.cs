using BenchmarkDotNet.Attributes;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Benchmarks;

/// <summary>The gradient sweeps on one thread over 256 Ki elements in cache.</summary>
[MemoryDiagnoser]
public class GradientBenchmarks
{
    private const int Elements = 256 * 1024;

    private readonly HostWorkers _workers = new(1);
    private readonly HostBuffer _gradient = new(Elements * sizeof(float));
    private readonly HostBuffer _accumulator = new(Elements * sizeof(float));

    /// <summary>The gradient's type.</summary>
    [Params(ElementType.BFloat16, ElementType.Float32)]
    public ElementType Type { get; set; }

    /// <summary>The norm alone.</summary>
    [Benchmark(OperationsPerInvoke = Elements)]
    public SquareSum SumOfSquares() => GradientSweeps.SumOfSquares(new(_gradient.Address, Type, Elements), _workers);

    /// <summary>Accumulation with the norm.</summary>
    [Benchmark(OperationsPerInvoke = Elements)]
    public SquareSum Accumulate() => GradientSweeps.Accumulate(_accumulator.Address, new(_gradient.Address, Type, Elements), false, _workers);

    /// <summary>Frees.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _gradient.Dispose();
        _accumulator.Dispose();
        _workers.Dispose();
    }
}
