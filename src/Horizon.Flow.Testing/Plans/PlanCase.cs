using System.Reflection;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;

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

    /// <summary>
    /// Runs it: the run must end in bounded time, with all leases back; where it fails, with the first error; and where it calls itself a success, with the
    /// losses and parameters of a run without the stages.
    /// </summary>
    /// <param name="bound">How long the run and its end may take each.</param>
    /// <returns>How it ended, in words.</returns>
    /// <exception cref="TestingException">It is otherwise.</exception>
    public async Task<string> CheckAsync(TimeSpan bound)
    {
        using var log = new UserStageLog();
        var plan = Plan(log);
        using var store = Training.CreateStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device, new GraphRunOptions { Cancellation = log.Cancellation, StallTimeout = MayStall ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(2) });
        var reports = new List<StepReport>();
        Exception? thrown = null;
        try
        {
            await RunAsync().WaitAsync(bound).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            thrown = error;
        }

        await run.DisposeAsync().AsTask().WaitAsync(bound).ConfigureAwait(false);
        Leaks.RequireLeasesBack(run);
        var done = log.Done.Select(stage => stage.Does).ToHashSet();
        if (thrown is null) RequireSuccess(log, store, await Training.TrainAsync().ConfigureAwait(false), new TrainingOutcome(reports, StoreValues.Read(store)));
        else RequireFirstError(log, done, thrown);
        return $"{string.Join(" + ", done.Order().DefaultIfEmpty(Misbehaviour.Delay))}: {thrown switch { null => "succeeds", StageException => "fails", _ => "is cancelled" }}";

        async Task RunAsync()
        {
            await foreach (var report in run.StepsAsync(Training.Batches(), ahead: 1).ConfigureAwait(false)) reports.Add(report);
        }
    }

    // Only where a message may be lost is a run that stands still looked for soon: on a busy machine others stand still, too.
    private bool MayStall => Stages.Any(stage => stage.Does is Misbehaviour.Drop or Misbehaviour.Hold or Misbehaviour.Duplicate);

    private void RequireSuccess(UserStageLog log, ParameterStore store, TrainingOutcome plain, TrainingOutcome given)
    {
        TestingException.Require(log.Planted.Count == 0, $"a stage threw and the run calls itself a success");
        TestingException.Require(store.Damage is null && store.Step == Training.Steps, $"the run calls itself a success, and the store is at step {store.Step} of {Training.Steps}, damage: {store.Damage}");
        TestingException.Require(plain.IsBitwise(given), $"the run calls itself a success, and its numbers are others");
    }

    private void RequireFirstError(UserStageLog log, HashSet<Misbehaviour> done, Exception thrown)
    {
        if (thrown is not (StageException or OperationCanceledException)) throw new TestingException($"the run ends with an error that names no stage: {thrown.Message}", thrown);
        if (done.Count == 0 && !(MayStall && IsStall(thrown))) throw new TestingException($"nothing was done to the run, and it fails: {thrown.Message}", thrown);
        if (done.SetEquals([Misbehaviour.Cancel]) && thrown is not OperationCanceledException && !(MayStall && IsStall(thrown)))
            throw new TestingException($"the run was cancelled, and it fails: {thrown.Message}", thrown);
        if (done.Count > 0 && done.IsSubsetOf([Misbehaviour.Throw, Misbehaviour.ThrowCancelled]) && !log.Planted.Contains((thrown as StageException)?.InnerException) && !(MayStall && IsStall(thrown)))
            throw new TestingException($"a stage threw, and what is reported is another error: {thrown.Message}", thrown);
    }

    private static bool IsStall(Exception thrown) => thrown.Message.Contains("no stage has had a message for long", StringComparison.Ordinal);

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
