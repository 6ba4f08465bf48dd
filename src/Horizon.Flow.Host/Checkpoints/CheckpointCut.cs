using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>What of each unit a store holds that has slices of them.</summary>
/// <param name="Slices">What it holds.</param>
/// <param name="PlaceOf">By unit: its slice's first element among what is trained of the whole unit, and the optimizer states of the slices that lie before it.</param>
public sealed record CheckpointCut(CheckpointContents Slices, Func<int, (long First, IReadOnlyList<IReadOnlyList<OptimizerBuffer>> Before)> PlaceOf)
{
    /// <summary>Where the slice's buffers begin in those of the whole unit, in bytes and in the order of the whole's contents.</summary>
    internal IReadOnlyList<long> StartsOf(int unit, UnitContents whole)
    {
        var (first, before) = PlaceOf(unit);
        return whole.StartsBehind(first, before);
    }
}
