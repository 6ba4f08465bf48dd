namespace Horizon.Flow.Graph;

/// <summary>A block with something to finish after its last message; a graph is complete when that is done too.</summary>
internal interface IWatching
{
    /// <summary>Ends when everything seen was watched; never faults.</summary>
    Task Watching { get; }

    /// <summary>Whether the block itself has ended, and only the watching is left.</summary>
    bool IsThrough { get; }

    /// <summary>How much was watched so far.</summary>
    long Watched { get; }
}
