using Horizon.Flow.Resources;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a process that computes on the CPU takes beside its buffers. Measured: docs/benchmarks/2026-11-26-plan.md.</summary>
internal static class ProcessMemory
{
    // Of the quickstart's process, whose buffers take 52 MB: what is resident beyond them.
    private const long Runtime = 290_000_000;

    // glibc's heap keeps pages between blocks that are still used; the larger of two shares of activations that were measured (0.65 and 1.25).
    private const double Heap = 1.3;

    private static readonly HashSet<string> OnHeap = [MemoryBudget.KeptInputs, MemoryBudget.KeptTapes, MemoryBudget.WorkInHand];

    /// <summary>The budget with both.</summary>
    public static MemoryBudget AddTo(MemoryBudget budget)
    {
        var activations = budget.Items.Where(item => OnHeap.Contains(item.Kind)).Sum(item => item.Bytes);
        budget = budget.With(new(MemoryPlace.Host, MemoryBudget.RuntimeAndLibraries, Runtime, "of .NET and libtorch, resident beside all buffers; measured"));
        return activations == 0 ? budget
            : budget.With(new(MemoryPlace.Host, "gaps in the heap", (long)(Heap * activations), FormattableString.Invariant($"{Heap} x activations: of the C library, between blocks still used; at most, by measurement")));
    }
}
