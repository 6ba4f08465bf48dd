using Horizon.Flow.Program;

namespace Horizon.Flow.Messages;

/// <summary>What is counted of a step before it begins.</summary>
/// <param name="LabelledTokens">Labelled next tokens of all micro-batches.</param>
/// <param name="Tokens">Real tokens of all micro-batches.</param>
/// <param name="LossCount">What the step's loss is the mean over: its labelled tokens, or what the plan's objective counts.</param>
public sealed record StepCounts(long LabelledTokens, long Tokens, long LossCount)
{
    /// <summary>Counts a step's micro-batches.</summary>
    /// <param name="microBatches">All of them.</param>
    /// <param name="program">What is done with them.</param>
    /// <param name="lossCount">What a micro-batch adds to <see cref="LossCount"/>; its labelled tokens by default. Not asked where the program gives no loss.</param>
    public static StepCounts Of(IReadOnlyList<MicroBatch> microBatches, StepProgram program, Func<MicroBatch, long>? lossCount = null)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(program);
        List<MicroBatch> counted = [.. microBatches.Where(batch => !batch.IsSpare)];
        var labelled = counted.Sum(batch => (long)batch.LabelledTokens);
        return new(labelled, counted.Sum(batch => (long)batch.TokenCount), lossCount is null || program.Losses == 0 ? labelled : counted.Sum(lossCount));
    }
}
