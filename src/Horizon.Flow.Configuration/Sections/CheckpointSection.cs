namespace Horizon.Flow.Configuration;

/// <summary>The <c>checkpoint</c> section: from what <c>--resume</c> goes on.</summary>
public sealed record CheckpointSection
{
    /// <summary>Write a checkpoint after every so many steps; 0 never does.</summary>
    /// <value>Default 0.</value>
    public long EverySteps { get; init; }

    /// <summary>How many of the newest checkpoints stay on disk.</summary>
    /// <value>Default 2.</value>
    public int Keep { get; init; } = 2;
}
