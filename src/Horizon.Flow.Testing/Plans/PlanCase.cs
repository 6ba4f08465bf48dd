using System.Reflection;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Testing;

/// <summary>A small run with users' stages on random edges of its plan; <see cref="PlanCases"/> gives random ones.</summary>
/// <param name="Training">The run.</param>
/// <param name="Stages">The users' stages.</param>
public sealed record PlanCase(TrainingCase Training, IReadOnlyList<UserStage> Stages)
{
    private static readonly MethodInfo _insert = typeof(PlanCase).GetMethod(nameof(Insert), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <summary>The default plan with the users' stages in it.</summary>
    /// <param name="log">Is told of what they do.</param>
    public TrainingPlan Plan(UserStageLog log) => Training.Plan().WithGraph(graph =>
    {
        for (var i = 0; i < Stages.Count; i++)
        {
            var (stage, edge) = (Stages[i], graph.Edges[Stages[i].Edge % graph.Edges.Count]);
            graph = (GraphPlan<TrainingContext>)_insert.MakeGenericMethod(edge.Message).Invoke(null, [graph, edge, $"user {i} ({stage.Does})", stage, log])!;
        }

        return graph;
    });

    private static GraphPlan<TrainingContext> Insert<TMessage>(GraphPlan<TrainingContext> graph, PlanEdge edge, string name, UserStage stage, UserStageLog log)
        where TMessage : class => graph.InsertBetween<TMessage>(
        edge.From, edge.To, name, (_, options) => Create<TMessage>(options, stage, log),
        new StageTraits { RunsOn = stage.OnLane ? DefaultGraph.ComputeLane : "host threads", Stateful = true });

    private static StageBlock<TMessage, TMessage> Create<TMessage>(StageOptions options, UserStage stage, UserStageLog log)
        where TMessage : class
    {
        var count = 0;
        TMessage? held = null;
        return new StageBlock<TMessage, TMessage>(options, async (message, _) =>
        {
            for (var i = 0; stage.Does == Misbehaviour.Delay && i < stage.At; i++) await Task.Yield();
            if (held is { } earlier)
            {
                held = null;
                return [earlier, message];
            }

            if (++count != stage.At || stage.Does == Misbehaviour.Delay) return (IReadOnlyList<TMessage>)[message];
            log.Note(stage);
            switch (stage.Does)
            {
                case Misbehaviour.Throw: throw log.Plant(new InvalidOperationException("planted"));
                case Misbehaviour.ThrowCancelled: throw log.Plant(new OperationCanceledException("not the run's"));
                case Misbehaviour.Drop: return [];
                case Misbehaviour.Duplicate: return [message, message];
                case Misbehaviour.Hold:
                    held = message;
                    return [];
                default:
                    log.Cancel();
                    return [message];
            }
        });
    }
}
