using Horizon.Flow.Resources;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a process that computes on the CPU takes beside its buffers. Measured: docs/benchmarks/2026-11-26-plan.md.</summary>
internal static class ProcessMemory
{
    // Resident in processes that have few buffers: pages of libtorch's files 127 MB, its own heap 57, the code that .NET compiled 19, managed memory and stacks.
    private const long Runtime = 232_000_000;

    // The heap of what is smaller than pages of its own: what the lane makes and frees in between, half of what there is to compute with at the most.
    private const long SmallBlocks = 22_000_000;

    // What MKL keeps of the matrices that it packed, an eighth of the weights that are there at the most.
    private const long Packed = 16_000_000;

    private static readonly string[] Computed = [MemoryBudget.KeptInputs, MemoryBudget.KeptTapes, MemoryBudget.WorkInHand];

    /// <summary>The budget with both.</summary>
    public static MemoryBudget AddTo(MemoryBudget budget)
    {
        long Of(params string[] kinds) => budget.Items.Where(item => kinds.Contains(item.Kind)).Sum(item => item.Bytes);
        return budget
            .With(new(MemoryPlace.Host, MemoryBudget.RuntimeAndLibraries, Runtime, "of .NET and libtorch, resident beside all buffers; measured"))
            .With(new(MemoryPlace.Host, "small blocks", Math.Min(SmallBlocks, Of(Computed) / 2) + Math.Min(Packed, Of(PoolNames.DeviceWeights) / 8), "of the C library's heap, in which tensors below 256 KiB lie, and what products pack; measured"));
    }
}
