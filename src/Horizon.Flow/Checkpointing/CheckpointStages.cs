using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Checkpointing;

/// <summary>Adds checkpoints to a plan: a stage before the update that protects, and one before the commit that offers.</summary>
public static class CheckpointStages
{
    /// <summary>Lets a unit's gradient through when the unit may change.</summary>
    public static StageKey<HostGradient, HostGradient> Protect { get; } = new("protect");

    /// <summary>Offers the updated unit to the checkpoint.</summary>
    public static StageKey<UnitUpdated, UnitUpdated> Save { get; } = new("save");

    /// <summary>The plan with checkpoints, written with the verbs that any user has.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="writer">Writes them; made for the store that the run is started with.</param>
    public static TrainingPlan WithCheckpoints(this TrainingPlan plan, CheckpointWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        return plan.WithCheckpoints(_ => writer);
    }

    /// <summary>The same with a writer that is asked for when a run starts: such a plan can be drawn without one.</summary>
    public static TrainingPlan WithCheckpoints(this TrainingPlan plan, Func<TrainingContext, CheckpointWriter> writer)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(writer);
        return plan.WithGraph(graph => graph
            .InsertBefore(Stages.Update, Protect.Name, (run, stage) => MakeProtect(writer(run), run, stage), new StageTraits { PassesThrough = true })
            // Before commit, and nothing between: what a stage of the user's own still does to the unit is saved, whichever verb came first.
            .InsertBefore(Stages.Commit, Save.Name, (run, stage) => MakeSave(writer(run), stage), new StageTraits { StaysBeforeNext = true, PassesThrough = true }));
    }

    private static StageBlock<HostGradient, HostGradient> MakeProtect(CheckpointWriter writer, TrainingContext run, StageOptions stage)
    {
        if (!ReferenceEquals(writer.Store, run.Store)) throw new HorizonException("the checkpoint writer was made for another store than the run's");
        return new StageBlock<HostGradient, HostGradient>(stage, async (gradient, call) =>
        {
            // What the step before still owes the unit is saved first.
            await call.WaitForGraph(run.Store.WaitForStateAsync(gradient.Visit.Unit, call.Cancellation)).ConfigureAwait(false);
            // Counted as work, not as waiting: a disk that takes minutes is no stall of the graph.
            await writer.ProtectAsync(gradient.Visit.Unit, gradient.Step, run.Workers, call.Cancellation).ConfigureAwait(false);
            return gradient;
        });
    }

    private static StageBlock<UnitUpdated, UnitUpdated> MakeSave(CheckpointWriter writer, StageOptions stage) => new(stage, async (updated, call) =>
    {
        await writer.OfferAsync(updated.Visit.Unit, updated.Step, call.Cancellation).ConfigureAwait(false);
        return updated;
    });
}
