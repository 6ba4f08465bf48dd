namespace Horizon.Flow.Testing;

/// <summary>A stage on some edge of a plan that misbehaves once.</summary>
/// <param name="Edge">Which edge, counted round and round over those of the plan.</param>
/// <param name="Does">What it does.</param>
/// <param name="At">At which of its messages, from 1.</param>
/// <param name="OnLane">Whether it runs on the compute lane.</param>
public sealed record UserStage(int Edge, Misbehaviour Does, int At, bool OnLane);
