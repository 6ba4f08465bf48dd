namespace Horizon.Flow;

/// <summary>A handle to what a stage of a plan keeps: <see cref="TrainingRun.Value{T}(StageValue{T})"/> reads it in any run of the plan.</summary>
/// <typeparam name="T">What is kept.</typeparam>
/// <param name="Stage">The stage.</param>
public sealed record StageValue<T>(string Stage);
