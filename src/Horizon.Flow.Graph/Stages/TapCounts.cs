namespace Horizon.Flow.Graph;

/// <summary>What a tap has done.</summary>
/// <param name="Watched">Messages that its watcher was shown.</param>
/// <param name="Missed">Messages that passed unseen, because the watcher was slow or the run was stopped.</param>
public readonly record struct TapCounts(long Watched, long Missed);
