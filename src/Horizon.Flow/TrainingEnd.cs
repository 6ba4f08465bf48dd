using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>The end of a line of a plan. Each verb gives a new plan; the old one is unchanged.</summary>
/// <typeparam name="TIn">What it takes.</typeparam>
/// <param name="Plan">The plan.</param>
/// <param name="Stage">The stage.</param>
public readonly record struct TrainingEnd<TIn>(TrainingPlan Plan, SinkKey<TIn> Stage)
    where TIn : class
{
    /// <summary>Puts another block in the stage's place.</summary>
    public TrainingPlan Replace(Func<TrainingContext, StageOptions, ITargetBlock<TIn>> create)
    {
        var stage = Stage;
        return Plan.WithGraph(graph => graph.Replace(stage, create));
    }

    /// <summary>Puts a block in front of it.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="create">Makes the block.</param>
    /// <param name="traits">Bounds, place and pools.</param>
    public TrainingPlan InsertBefore(string name, Func<TrainingContext, StageOptions, IPropagatorBlock<TIn, TIn>> create, StageTraits? traits = null)
    {
        var stage = Stage;
        return Plan.WithGraph(graph => graph.InsertBefore(stage, name, create, traits));
    }

    /// <summary>Changes the stage's bounds.</summary>
    public TrainingPlan With(Func<StageTraits, StageTraits> change)
    {
        var stage = Stage;
        return Plan.WithGraph(graph => graph.WithTraits(stage.Name, change));
    }
}
