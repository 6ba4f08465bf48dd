namespace Horizon.Flow.Graph;

/// <summary>
/// Names a stage and fixes what it takes and gives, so that a block of the wrong type is a compile error. A value: compare by name.
/// </summary>
/// <typeparam name="TIn">What the stage takes.</typeparam>
/// <typeparam name="TOut">What it gives.</typeparam>
/// <param name="Name">Unique within a plan.</param>
public readonly record struct StageKey<TIn, TOut>(string Name)
    where TOut : class;
