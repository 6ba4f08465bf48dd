namespace Horizon.Flow.Graph;

/// <summary>A block with something to finish after its last message, which its completion waits for.</summary>
internal interface IWatching
{
    /// <summary>Whether the block itself has ended, and only the watching is left.</summary>
    bool IsThrough { get; }

    /// <summary>How much was watched so far.</summary>
    long Watched { get; }
}
