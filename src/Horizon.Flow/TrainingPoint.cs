using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>A stage of a plan. Each verb gives a new plan; the old one is unchanged.</summary>
/// <typeparam name="TIn">What the stage takes.</typeparam>
/// <typeparam name="TOut">What it gives.</typeparam>
/// <param name="Plan">The plan.</param>
/// <param name="Stage">The stage.</param>
public readonly record struct TrainingPoint<TIn, TOut>(TrainingPlan Plan, StageKey<TIn, TOut> Stage)
    where TOut : class
{
    /// <summary>Puts another block in the stage's place.</summary>
    /// <param name="create">Makes the block; any <see cref="System.Threading.Tasks.Dataflow.IPropagatorBlock{TInput,TOutput}"/> will do.</param>
    public TrainingPlan Replace(Func<TrainingContext, StageOptions, System.Threading.Tasks.Dataflow.IPropagatorBlock<TIn, TOut>> create)
    {
        var stage = Stage;
        return Plan.WithGraph(graph => graph.Replace(stage, create));
    }

    /// <summary>Puts a block on what leaves the stage.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="create">Makes the block.</param>
    /// <param name="traits">Bounds, place and pools.</param>
    public TrainingPlan InsertAfter(
        string name,
        Func<TrainingContext, StageOptions, System.Threading.Tasks.Dataflow.IPropagatorBlock<TOut, TOut>> create,
        StageTraits? traits = null)
    {
        var stage = Stage;
        return Plan.WithGraph(graph => graph.InsertAfter(stage, name, create, traits));
    }

    /// <summary>Puts a function on what leaves the stage, called for each message in order; what carries tensors is changed on the compute lane.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="change">Changes the message's content in place, or gives another message.</param>
    public TrainingPlan InsertAfter(string name, Func<TOut, TOut> change) => Put(name, EdgeStage<TOut>.Change(change));

    /// <summary>The same with the run at hand: its stores, device and pools.</summary>
    public TrainingPlan InsertAfter(string name, Func<TrainingContext, TOut, TOut> change) => Put(name, EdgeStage<TOut>.Change(change));

    /// <summary>
    /// Watches what leaves the stage, without slowing or changing it. What the watcher cannot keep up with passes unseen, and is counted in
    /// <see cref="TrainingRun.Missed"/>; where every message counts, see <see cref="TapWaiting"/>.
    /// </summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="look">Runs on the edge: copies what is wanted from the message.</param>
    /// <param name="watch">Runs beside the graph.</param>
    public TrainingPlan Tap<TSeen>(string name, Func<TOut, TSeen> look, Action<TSeen> watch) =>
        Put(name, EdgeStage<TOut>.Tap(look, watch));

    /// <summary>The same with a handle to what the tap did: how much was watched and how much missed, see <see cref="TrainingRun.Value{T}(StageValue{T})"/>.</summary>
    public TrainingPlan Tap<TSeen>(string name, Func<TOut, TSeen> look, Action<TSeen> watch, out StageValue<TapCounts> counts)
    {
        counts = new(name);
        return Tap(name, look, watch);
    }

    /// <summary>Folds what leaves the stage into one value, which <see cref="TrainingRun.Value{T}(StageValue{T})"/> reads at any time: an average, a maximum.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="seed">The value before the first message.</param>
    /// <param name="fold">The value after a message; runs on the edge, in order. The value is immutable.</param>
    /// <param name="value">The handle.</param>
    public TrainingPlan Fold<TValue>(string name, TValue seed, Func<TValue, TOut, TValue> fold, out StageValue<TValue> value)
    {
        value = new(name);
        return Put(name, EdgeStage<TOut>.Fold(seed, fold));
    }

    /// <summary>Watches everything that leaves the stage: where the watcher is slow, the graph waits for it.</summary>
    /// <inheritdoc cref="Tap{TSeen}(string, Func{TOut, TSeen}, Action{TSeen})"/>
    public TrainingPlan TapWaiting<TSeen>(string name, Func<TOut, TSeen> look, Action<TSeen> watch) =>
        Put(name, EdgeStage<TOut>.Tap(look, watch, waits: true));

    /// <summary>Changes the stage's bounds.</summary>
    public TrainingPlan With(Func<StageTraits, StageTraits> change)
    {
        var stage = Stage;
        return Plan.WithGraph(graph => graph.WithTraits(stage.Name, change));
    }

    private TrainingPlan Put(string name, EdgeStage<TOut> stage) => InsertAfter(name, stage.Create, stage.Traits);
}
