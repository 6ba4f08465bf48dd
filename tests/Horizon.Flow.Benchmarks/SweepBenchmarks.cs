using BenchmarkDotNet.Attributes;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Benchmarks;

/// <summary>What it costs to wake the team, give it work and wait for it.</summary>
[MemoryDiagnoser]
public class SweepBenchmarks
{
    private HostWorkers _workers = null!;

    /// <summary>Threads of the team.</summary>
    [Params(1, 2, 16)]
    public int Threads { get; set; }

    /// <summary>Starts the team.</summary>
    [GlobalSetup]
    public void Setup() => _workers = new HostWorkers(Threads);

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup() => _workers.Dispose();

    /// <summary>A sweep of 64 chunks that do nothing.</summary>
    [Benchmark]
    public void EmptySweep() => _workers.Sweep(64L * HostWorkers.ChunkElements, default(NoWork));

    private readonly struct NoWork : ISweepKernel
    {
        public void Run(long chunk, long first, int count)
        {
        }
    }
}
