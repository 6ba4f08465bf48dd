namespace Horizon.Flow.Program;

/// <summary>What a program is asked for.</summary>
/// <param name="Step">The optimizer step, from 1; for other passes, the one before.</param>
/// <param name="Purpose">Training, or a pass that changes nothing.</param>
/// <param name="MicroBatches">How many micro-batches go through.</param>
public sealed record StepRequest(long Step, StepPurpose Purpose, int MicroBatches);
