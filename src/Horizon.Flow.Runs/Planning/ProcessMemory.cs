using Horizon.Flow.Resources;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a process that computes on the CPU takes beside its buffers. Measured: docs/benchmarks/2026-11-26-plan.md.</summary>
internal static class ProcessMemory
{
    // Of .NET and libtorch on two processors: what is resident beyond the buffers of processes that have few.
    private const long Runtime = 275_000_000;

    // glibc's heap keeps pages between blocks that are still used: most beside inputs that wait for long, each among blocks of its layer that have gone. So many bytes a byte: enough for 16 of 17 runs that were measured (docs/benchmarks/2026-11-26-plan.md).
    private static readonly (string Kind, double Share)[] Gaps = [(MemoryBudget.KeptInputs, 4), (MemoryBudget.KeptTapes, 0.65), (MemoryBudget.WorkInHand, 0.8)];

    /// <summary>The budget with both.</summary>
    public static MemoryBudget AddTo(MemoryBudget budget)
    {
        var gaps = budget.Items.Sum(item => item.Bytes * Gaps.FirstOrDefault(gap => gap.Kind == item.Kind).Share);
        budget = budget.With(new(MemoryPlace.Host, MemoryBudget.RuntimeAndLibraries, Runtime, "of .NET and libtorch, resident beside all buffers; measured"));
        return gaps == 0 ? budget
            : budget.With(new(MemoryPlace.Host, "gaps in the heap", (long)gaps, FormattableString.Invariant($"of the C library, between blocks still used: {string.Join(", ", Gaps.Select(gap => $"{gap.Share} x {gap.Kind}"))}; measured, and not the same in each run")));
    }
}
