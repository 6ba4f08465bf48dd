using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>One edge of a plan. Each verb gives a new plan; the old one is unchanged.</summary>
/// <typeparam name="TMessage">What it carries.</typeparam>
/// <param name="Plan">The plan.</param>
/// <param name="From">The giving stage.</param>
/// <param name="To">The taking stage.</param>
public readonly record struct TrainingEdge<TMessage>(TrainingPlan Plan, string From, string To)
    where TMessage : class
{
    /// <summary>Puts a block on the edge.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="create">Makes the block.</param>
    /// <param name="traits">Bounds, place and pools.</param>
    public TrainingPlan Insert(string name, Func<TrainingContext, StageOptions, IPropagatorBlock<TMessage, TMessage>> create, StageTraits? traits = null)
    {
        var (from, to) = (From, To);
        return Plan.WithGraph(graph => graph.InsertBetween(from, to, name, create, traits));
    }

    /// <summary>Puts a function on the edge, called for each message in order; what carries tensors is changed on the compute lane.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="change">Changes the message's content in place, or gives another message.</param>
    public TrainingPlan Insert(string name, Func<TMessage, TMessage> change) => Put(name, EdgeStage<TMessage>.Change(change));

    /// <summary>The same with the run at hand: its stores, device and pools.</summary>
    public TrainingPlan Insert(string name, Func<TrainingContext, TMessage, TMessage> change) => Put(name, EdgeStage<TMessage>.Change(change));

    /// <summary>Watches the edge without slowing or changing it.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="look">Runs on the edge: copies what is wanted from the message.</param>
    /// <param name="watch">Runs beside the graph.</param>
    public TrainingPlan Tap<TSeen>(string name, Func<TMessage, TSeen> look, Action<TSeen> watch) =>
        Put(name, EdgeStage<TMessage>.Tap(look, watch));

    /// <summary>The same with a handle to what the tap did: how much was watched and how much missed, see <see cref="TrainingRun.Value{T}(StageValue{T})"/>.</summary>
    public TrainingPlan Tap<TSeen>(string name, Func<TMessage, TSeen> look, Action<TSeen> watch, out StageValue<TapCounts> counts)
    {
        counts = new(name);
        return Tap(name, look, watch);
    }

    /// <summary>Folds what the edge carries into one value, which <see cref="TrainingRun.Value{T}(StageValue{T})"/> reads at any time: an average, a maximum.</summary>
    /// <param name="name">Its name, unique in the plan.</param>
    /// <param name="seed">The value before the first message.</param>
    /// <param name="fold">The value after a message; runs on the edge, in order. The value is immutable.</param>
    /// <param name="value">The handle.</param>
    public TrainingPlan Fold<TValue>(string name, TValue seed, Func<TValue, TMessage, TValue> fold, out StageValue<TValue> value)
    {
        value = new(name);
        return Put(name, EdgeStage<TMessage>.Fold(seed, fold));
    }

    /// <summary>Takes the edge away.</summary>
    public TrainingPlan Disconnect()
    {
        var (from, to) = (From, To);
        return Plan.WithGraph(graph => graph.Disconnect(from, to));
    }

    private TrainingPlan Put(string name, EdgeStage<TMessage> stage) => Insert(name, stage.Create, stage.Traits);
}
