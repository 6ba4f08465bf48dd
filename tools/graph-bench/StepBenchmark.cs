using BenchmarkDotNet.Attributes;
using Horizon.Flow.Host;

namespace Horizon.Flow.GraphBench;

/// <summary>A whole step of a model whose units compute nothing: the default graph against threads and queues written by hand.</summary>
[MemoryDiagnoser]
public class StepBenchmark
{
    private const int Steps = 20;
    private ParameterStore _store = null!;
    private ThreadLoop _loop = null!;
    private CpuDevice _device = null!;
    private TrainingRun _run = null!;

    /// <summary>Units beside embedding and head.</summary>
    [Params(30)]
    public int Layers { get; set; }

    /// <summary>Allocations must not grow with this.</summary>
    [Params(64, 65536)]
    public int ParametersPerUnit { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var model = EmptyModel.Create(Layers, ParametersPerUnit);
        var plan = TrainingPlan.For(model, new TrainingOptions { MaxGradientNorm = null, HostThreads = 1 });
        _device = new CpuDevice();
        _store = plan.CreateStore(StorePrecision.Fp32);
        _loop = new ThreadLoop(model, _store, plan.Options.Optimizer);
        _run = plan.Start(_store, _device);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _run.DisposeAsync();
        _loop.Dispose();
        _store.Dispose();
        _device.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Steps)]
    public void ThreadsAndQueues()
    {
        for (var step = 0; step < Steps; step++) _loop.Step(EmptyModel.Batch);
    }

    [Benchmark(OperationsPerInvoke = Steps)]
    public async Task GraphAsync()
    {
        await foreach (var _ in _run.StepsAsync(Enumerable.Repeat<IReadOnlyList<MicroBatch>>([EmptyModel.Batch], Steps), ahead: 1))
        {
        }
    }
}
