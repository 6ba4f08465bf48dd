namespace Horizon.Flow.Graph;

/// <summary>A block with something to finish after its last message; a graph is complete when that is done too.</summary>
internal interface IWatching
{
    Task Watching { get; }
}
