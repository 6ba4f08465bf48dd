namespace Horizon.Flow.Host.Checkpoints;

/// <summary>What of each unit a store holds that has slices of them.</summary>
/// <param name="Slices">What it holds.</param>
/// <param name="StartsOf">By unit, and then by buffer in the order of its contents, without state of the user's own: the byte of the whole unit's buffer at which the slice's begins.</param>
public sealed record CheckpointCut(CheckpointContents Slices, Func<int, IReadOnlyList<long>> StartsOf);
