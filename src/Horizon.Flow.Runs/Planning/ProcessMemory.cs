using Horizon.Flow.Resources;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a process that computes on the CPU takes beside its buffers. Measured: docs/benchmarks/2026-11-26-plan.md.</summary>
internal static class ProcessMemory
{
    // Of .NET and libtorch on two processors: what is resident beyond the buffers of processes that have few.
    private const long Runtime = 256_000_000;

    /// <summary>The budget with it.</summary>
    public static MemoryBudget AddTo(MemoryBudget budget) =>
        budget.With(new(MemoryPlace.Host, MemoryBudget.RuntimeAndLibraries, Runtime, "of .NET and libtorch, resident beside all buffers; measured"));
}
