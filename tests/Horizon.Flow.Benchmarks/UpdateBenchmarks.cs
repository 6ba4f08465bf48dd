using BenchmarkDotNet.Attributes;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Benchmarks;

/// <summary>
/// The update kernels on one thread over 256 Ki parameters, which stay in the second-level cache or the third: what the instructions
/// cost when memory does not bind. `horizon-bench host` measures them against memory.
/// </summary>
[MemoryDiagnoser]
public class UpdateBenchmarks
{
    private const int Parameters = 256 * 1024;

    private readonly UnitLayout _layout = new("unit", "unit", [("w", "w", [Parameters / 512, 512L])]);
    private readonly HostWorkers _workers = new(1);
    private IHostOptimizer _optimizer = null!;
    private UnitState _unit = null!;
    private HostBuffer _gradient = null!;
    private long _step;

    /// <summary>The rule.</summary>
    [Params("adamw", "adamw8bit", "adafactor", "lion", "sgd")]
    public string Name { get; set; } = "adamw";

    /// <summary>The instructions.</summary>
    [ParamsSource(nameof(Paths))]
    public string Instructions { get; set; } = VectorPaths.Best.ToString();

    /// <summary>What runs here.</summary>
    public static IEnumerable<string> Paths => VectorPaths.Supported.Select(path => path.ToString());

    /// <summary>Allocates.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _optimizer = OptimizerFactory.Create(Name, null, Enum.Parse<VectorPath>(Instructions));
        _unit = new UnitState(_layout, StorePrecision.Bf16, _optimizer.DescribeState(_layout));
        _gradient = new HostBuffer(Parameters * sizeof(ushort));
        _gradient.Span<ushort>(0, Parameters).Fill(0x3A83);
    }

    /// <summary>Frees.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _unit.Dispose();
        _gradient.Dispose();
        _workers.Dispose();
    }

    /// <summary>One step, bf16 gradient, exact masters.</summary>
    [Benchmark(OperationsPerInvoke = Parameters)]
    public void Update() =>
        _optimizer.Update(_unit, new(_gradient.Address, ElementType.BFloat16, Parameters), new(++_step, 1e-5, 0.5f), _workers);
}
