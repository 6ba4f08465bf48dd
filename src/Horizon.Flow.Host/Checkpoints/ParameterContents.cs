namespace Horizon.Flow.Host.Checkpoints;

/// <summary>One parameter of a unit in a checkpoint; parameters lie in the flat buffers one after another, in this order.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Shape">Its dimensions.</param>
public sealed record ParameterContents(string Name, IReadOnlyList<long> Shape);
