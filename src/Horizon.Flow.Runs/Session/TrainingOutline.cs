using Horizon.Flow.Graph;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Planning;

namespace Horizon.Flow.Runs.Session;

/// <summary>What a run will do, for its first line and for the time that is left.</summary>
/// <param name="Description">Model, size, precision and device in a few words: <c>llama, 135 M parameters, bf16, on cpu</c>.</param>
/// <param name="FirstStep">1, or the step after the checkpoint that the run goes on from.</param>
/// <param name="LastStep">The step that the run will end with; null where that is not known beforehand.</param>
public sealed record TrainingOutline(string Description, long FirstStep, long? LastStep)
{
    /// <summary>Steps, epochs and tokens of the whole run, and what decides them; null where they are not known.</summary>
    public RunLength? Length { get; init; }

    /// <summary>A log has a line after every so many steps; 0 leaves it to the clock.</summary>
    public long LogEverySteps { get; init; }

    /// <summary>What the run was planned to use where; null where nobody planned.</summary>
    public PlanReport? Memory { get; init; }

    /// <summary>Asked while the run goes on: where each stage's time went so far; null where nobody counts.</summary>
    public Func<IReadOnlyDictionary<string, StageShares>>? Shares { get; init; }
}
