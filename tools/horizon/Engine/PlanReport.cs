using Horizon.Flow.Host;

namespace Horizon.Flow.Cli;

/// <summary>What a run will use where.</summary>
/// <param name="Model">Model, size and precision in a few words.</param>
/// <param name="Device">Memory of the device; on the CPU device a part of the host's.</param>
/// <param name="Host">Memory of the machine.</param>
/// <param name="Binds">What limits the run, in a few words.</param>
/// <param name="BestBatchSize">The largest <c>training.batch_size</c> that fits; null where none does or nothing limits it.</param>
public sealed record PlanReport(string Model, MemoryBudget Device, MemoryBudget Host, string Binds, int? BestBatchSize)
{
    /// <summary>Whether the run fits into both.</summary>
    public bool Fits => Device.Fits && Host.Fits;
}

/// <summary>What one memory will hold.</summary>
/// <param name="Parts">The kinds of data in it.</param>
/// <param name="Available">How much there is; null where it is not known.</param>
public sealed record MemoryBudget(IReadOnlyList<MemoryPart> Parts, ByteSize? Available)
{
    /// <summary>The sum of the parts.</summary>
    public ByteSize Needed => Parts.Aggregate(default(ByteSize), (sum, part) => sum + part.Size);

    /// <summary>Whether the parts fit into what there is.</summary>
    public bool Fits => Available is not { } available || Needed <= available;
}

/// <summary>One kind of data in a memory.</summary>
/// <param name="Name">What it is: <c>weights</c>, <c>activations kept</c>.</param>
/// <param name="Size">How large it is.</param>
public sealed record MemoryPart(string Name, ByteSize Size);
