namespace Horizon.Flow.Graph;

/// <summary>Where one stage's time went.</summary>
/// <param name="Messages">Messages worked on.</param>
/// <param name="Busy">The body ran.</param>
/// <param name="Waiting">The body waited for a credit, a version or its turn.</param>
/// <param name="Starved">No message had come.</param>
/// <param name="Blocked">A message had come, but the stage was full of output that nobody took.</param>
public readonly record struct StageShares(long Messages, TimeSpan Busy, TimeSpan Waiting, TimeSpan Starved, TimeSpan Blocked)
{
    /// <summary>Messages that a tap let pass unseen, because its watcher was slow; 0 for any other stage.</summary>
    public long Missed { get; init; }

    /// <summary>All of it.</summary>
    public TimeSpan Total => Busy + Waiting + Starved + Blocked;
}
