using Horizon.Flow.Program;

namespace Horizon.Flow.Messages;

/// <summary>What holds for a whole step and is known before it begins. What comes out of it travels with messages: <see cref="StepLosses"/>, <see cref="StepVerdict"/>.</summary>
public sealed class StepInfo
{
    /// <summary>Describes a step. A run does it for each; a loop of your own does it by hand.</summary>
    /// <param name="number">The step, from 1; other passes have the number of the step before.</param>
    /// <param name="purpose">Training, or a pass that changes nothing.</param>
    /// <param name="learningRate">For the optimizer.</param>
    /// <param name="microBatches">All of the step's micro-batches.</param>
    /// <param name="program">What is done with them.</param>
    /// <param name="counts">What counts for it; by default what <see cref="StepCounts.Of"/> finds in the micro-batches.</param>
    public StepInfo(long number, StepPurpose purpose, double learningRate, IReadOnlyList<MicroBatch> microBatches, StepProgram program, StepCounts? counts = null)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(program);
        Number = number;
        Purpose = purpose;
        LearningRate = learningRate;
        MicroBatchCount = microBatches.Count;
        (LabelledTokens, Tokens, LossCount) = counts ?? StepCounts.Of(microBatches, program);
        Program = program;
    }

    /// <summary>The step, from 1.</summary>
    public long Number { get; }

    /// <summary>Training, or a pass that changes nothing.</summary>
    public StepPurpose Purpose { get; }

    /// <summary>From the schedule.</summary>
    public double LearningRate { get; }

    /// <summary>Labelled next tokens of the whole step.</summary>
    public long LabelledTokens { get; }

    /// <summary>Real tokens of the whole step.</summary>
    public long Tokens { get; }

    /// <summary>Micro-batches of the step.</summary>
    public int MicroBatchCount { get; }

    /// <summary>What is done.</summary>
    public StepProgram Program { get; }

    /// <summary>What the step's loss is the mean over: its labelled tokens, or what the plan's objective counts.</summary>
    public long LossCount { get; }

    /// <summary>What the sum of losses is multiplied by: 1 / <see cref="LossCount"/>, so that the loss is the mean of the whole step.</summary>
    public double LossScale => 1.0 / LossCount;

    /// <summary>A micro-batch in words, counted from 1: <c>micro-batch 2 of 4</c>.</summary>
    /// <param name="microBatch">Its place in the step, from 0.</param>
    public string NameOf(int microBatch) => $"micro-batch {microBatch + 1} of {MicroBatchCount}";
}
