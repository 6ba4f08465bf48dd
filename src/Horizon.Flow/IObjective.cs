using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow;

/// <summary>What a run learns in the place of the next token: a head, a program, and what the loss is the mean over (<see cref="TrainingPlan.WithObjective"/>).</summary>
public interface IObjective
{
    /// <summary>The head with the objective's loss.</summary>
    /// <param name="head">The model's own.</param>
    IHeadTemplate Head(IHeadTemplate head);

    /// <summary>Changes every program before it runs; as it is by default.</summary>
    StepProgram Program(StepProgram program) => program;

    /// <summary>Checks a micro-batch whose loss is asked for, and counts what its losses are averaged over; its labelled tokens by default.</summary>
    /// <param name="batch">The micro-batch, on the host.</param>
    /// <returns>At least 1; the step's loss is the sum over all micro-batches, divided by the sum of these.</returns>
    /// <exception cref="HorizonException">The objective cannot learn from it: a column is missing, say.</exception>
    long Count(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return batch.LabelledTokens;
    }
}
