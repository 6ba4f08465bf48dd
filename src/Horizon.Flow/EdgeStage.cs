using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow;

/// <summary>A block that a verb puts on an edge, with where it runs: on the compute lane where its messages carry tensors.</summary>
/// <typeparam name="TMessage">What the edge carries.</typeparam>
internal sealed record EdgeStage<TMessage>(Func<TrainingContext, StageOptions, IPropagatorBlock<TMessage, TMessage>> Create, StageTraits Traits)
    where TMessage : class
{
    public static EdgeStage<TMessage> Change(Func<TMessage, TMessage> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return new((_, stage) => new StageBlock<TMessage, TMessage>(stage, change), RunsOn("host threads"));
    }

    public static EdgeStage<TMessage> Change(Func<TrainingContext, TMessage, TMessage> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return new((run, stage) => new StageBlock<TMessage, TMessage>(stage, message => change(run, message)), RunsOn("host threads"));
    }

    public static EdgeStage<TMessage> Tap<TSeen>(Func<TMessage, TSeen> look, Action<TSeen> watch, bool waits = false)
    {
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(watch);
        return new(
            (_, stage) => new TapBlock<TMessage, TSeen>(stage, look, watch, waits: waits),
            RunsOn(waits ? "beside the graph, which waits" : "beside the graph") with { PassesThrough = true });
    }

    public static EdgeStage<TMessage> Fold<TValue>(TValue seed, Func<TValue, TMessage, TValue> fold)
    {
        ArgumentNullException.ThrowIfNull(fold);
        return new((_, stage) => new FoldBlock<TMessage, TValue>(stage, seed, fold), RunsOn("host threads") with { PassesThrough = true, Stateful = true });
    }

    private static StageTraits RunsOn(string elsewhere) => new() { RunsOn = CarriesTensors(typeof(TMessage)) ? DefaultGraph.ComputeLane : elsewhere };

    private static bool CarriesTensors(Type message) =>
        message == typeof(Computed) || message == typeof(DeviceGradient) || message == typeof(DeviceUnit) || message == typeof(DeviceLoss)
        || message == typeof(DeviceResult) || message.IsAssignableTo(typeof(UnitWork));
}
