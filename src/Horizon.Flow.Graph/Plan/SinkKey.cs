namespace Horizon.Flow.Graph;

/// <summary>Names a stage at the end of a line and fixes what it takes.</summary>
/// <typeparam name="TIn">What the stage takes.</typeparam>
/// <param name="Name">Unique within a plan.</param>
public readonly record struct SinkKey<TIn>(string Name);
