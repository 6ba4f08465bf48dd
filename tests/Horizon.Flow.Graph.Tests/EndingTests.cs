using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph.Tests;

/// <summary>Whatever a block does, a run ends in bounded time, and tells the first error.</summary>
public class EndingTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private static readonly StageKey<Work, Work> A = new("a");
    private static readonly StageKey<Work, Work> B = new("b");
    private static readonly SinkKey<Work> End = new("end");

    // It is only ever waited for in full where a block does not end; on a busy machine all others end in it, too.
    private static readonly GraphRunOptions Quick = new() { StopTimeout = TimeSpan.FromSeconds(1) };

    public sealed class CustomException : Exception;

    [Fact]
    public async Task Fault_BesideABodyThatAwaitsForEver_IsToldAndNamesTheOther()
    {
        var never = new TaskCompletionSource();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var graph = Line(
            (_, stage) => new StageBlock<Work, Work>(stage, async (work, _) => work.Number == 0 ? work : await FailAsync(entered.Task)),
            (_, stage) => new StageBlock<Work, Work>(stage, async (work, _) =>
            {
                entered.TrySetResult();
                await never.Task; // neither the token nor WaitFor
                return work;
            })).Start(new object(), Quick);
        await graph.Entry<Work>().SendAsync(new Work(1, 0));
        await graph.Entry<Work>().SendAsync(new Work(1, 1));
        await graph.Completion.WaitAsync(Bound);
        Assert.IsType<CustomException>(graph.Fault!.InnerException);
        Assert.Equal(("a", "unit 1"), (graph.Fault.Stage, graph.Fault.UnitName));
        Assert.Equal(["b"], graph.Unended);
        Assert.Equal(["b"], graph.Fault.UnendedStages);
        Assert.EndsWith("; stage 'b' did not end within 1 s of the stop", graph.Fault.Message, StringComparison.Ordinal);
        never.SetResult();
    }

    [Fact]
    public async Task Fault_BesideABlockWhoseCompletionNeverEnds_IsTold()
    {
        using var graph = Line(
            (_, stage) => new StageBlock<Work, Work>(stage, async (_, _) => await FailAsync(Task.CompletedTask)),
            (_, _) => new EndlessBlock()).Start(new object(), Quick);
        await graph.Entry<Work>().SendAsync(new Work(1, 0));
        await graph.Completion.WaitAsync(Bound);
        Assert.IsType<CustomException>(graph.Fault!.InnerException);
        Assert.Equal(["b"], graph.Unended);
    }

    [Fact]
    public async Task Finish_BlockWhoseCompletionNeverEnds_IsNamed()
    {
        using var graph = Line(GraphPlanTests.Pass, (_, _) => new EndlessBlock()).Start(new object(), Quick);
        graph.Entry<Work>().Complete();
        await graph.FinishAsync().WaitAsync(Bound);
        Assert.Equal("b", graph.Fault!.Stage);
        Assert.Contains("the run was stopped; stage 'b' did not end", graph.Fault.Message, StringComparison.Ordinal);
        Assert.Equal(["b"], graph.Unended);
    }

    [Fact]
    public async Task Stop_WhileAWatcherNeverEnds_NamesItButItHoldsNothing()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var leave = new ManualResetEventSlim();
        using var graph = Line(GraphPlanTests.Pass, GraphPlanTests.Pass)
            .InsertAfter(A, "tap", (_, stage) => new TapBlock<Work, int>(stage, work => work.Number, _ =>
            {
                entered.TrySetResult();
                leave.Wait();
            })).Start(new object(), Quick);
        await graph.Entry<Work>().SendAsync(new Work(1, 0));
        await entered.Task.WaitAsync(Bound);
        graph.Stop();
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal(["tap"], graph.Fault!.UnendedStages);
        Assert.Empty(graph.Unended);
        leave.Set();
    }

    /// <summary>Every body waits for a lease that nobody will give back, and none says so: still no hang.</summary>
    [Fact]
    public async Task Stall_OnALeaseAwaitedWithoutWaitFor_IsAFault()
    {
        using var pool = new LeasePool<object>("pool", 1, () => new object());
        var options = Quick with { StallTimeout = TimeSpan.FromMilliseconds(50) };
        using var graph = Line((_, stage) => new StageBlock<Work, Work>(stage, async (work, call) =>
        {
            await pool.RentAsync(call.Cancellation);
            return work;
        })).Start(new object(), options);
        using var watch = new StallWatch(graph, options, () => true);
        await graph.Entry<Work>().SendAsync(new Work(1, 0));
        await graph.Entry<Work>().SendAsync(new Work(1, 1));
        await graph.Completion.WaitAsync(Bound);
        Assert.Contains("no stage has had a message for long", graph.Fault!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stall_OfABodyThatAwaitsForEver_NamesStageAndUnit()
    {
        var never = new TaskCompletionSource();
        var options = Quick with { BodyTimeout = TimeSpan.FromMilliseconds(50) };
        using var graph = Line((_, stage) => new StageBlock<Work, Work>(stage, async (work, _) =>
        {
            await never.Task;
            return work;
        })).Start(new object(), options);
        using var watch = new StallWatch(graph, options, () => true);
        await graph.Entry<Work>().SendAsync(new Work(7, 3));
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal("a", graph.Fault!.Stage);
        Assert.StartsWith("stage 'a' failed at unit 'unit 3' of step 7: no stage has finished a message within BodyTimeout", graph.Fault.Message, StringComparison.Ordinal);
        Assert.Equal(["a"], graph.Unended);
        never.SetResult();
    }

    /// <summary>A clock of the test's own: many stall timeouts pass, and the wait for something outside the graph is none of them.</summary>
    [Fact]
    public async Task WaitFor_LongerThanTheStallTimeout_IsNoFault()
    {
        var time = new StepTime();
        var options = new GraphRunOptions { Time = time, StallTimeout = TimeSpan.FromMinutes(2) };
        var (entered, outside) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource());
        using var graph = Line((_, stage) => new StageBlock<Work, Work>(stage, async (work, call) =>
        {
            var wait = call.WaitFor(new ValueTask(outside.Task));
            entered.TrySetResult();
            await wait;
            return work;
        })).Start(new object(), options);
        using var watch = new StallWatch(graph, options, () => true);
        await graph.Entry<Work>().SendAsync(new Work(1, 0));
        await entered.Task.WaitAsync(Bound);
        for (var minute = 0; minute < 29; minute++) time.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(graph.Fault);
        outside.SetResult();
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        Assert.Null(graph.Fault);
    }

    [Fact]
    public async Task StageOfCaller_InABodyAndATaskOfIts_IsTheStage()
    {
        RunningGraph? graph = null;
        var seen = new List<string?>();
        using var other = Line(GraphPlanTests.Pass).Start(new object());
        graph = Line((_, stage) => new StageBlock<Work, Work>(stage, async (work, _) =>
        {
            seen.Add(Volatile.Read(ref graph)!.StageOfCaller);
            await Task.Yield();
            seen.Add(await Task.Run(() => graph!.StageOfCaller));
            seen.Add(other.StageOfCaller);
            return work;
        })).Start(new object());
        using var owned = graph;
        await graph.Entry<Work>().SendAsync(new Work(1, 0));
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal(["a", "a", null], seen);
        Assert.Null(graph.StageOfCaller);
    }

    private static async Task<Work> FailAsync(Task after)
    {
        await after;
        throw new CustomException();
    }

    private static GraphPlan<object> Line(params Func<object, StageOptions, IPropagatorBlock<Work, Work>>[] stages)
    {
        var plan = GraphPlan<object>.Empty
            .Add(A, stages[0], new StageTraits { IsEntry = true })
            .Add(End, (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask));
        return stages.Length == 1 ? plan.Connect(A, End) : plan.Add(B, stages[1]).Connect(A, B).Connect(B, End);
    }

    /// <summary>A block of a user's that takes everything and never ends.</summary>
    private sealed class EndlessBlock : IPropagatorBlock<Work, Work>
    {
        private readonly TaskCompletionSource _never = new();

        public Task Completion => _never.Task;

        public void Complete()
        {
        }

        public void Fault(Exception exception)
        {
        }

        public DataflowMessageStatus OfferMessage(DataflowMessageHeader messageHeader, Work messageValue, ISourceBlock<Work>? source, bool consumeToAccept) =>
            DataflowMessageStatus.Accepted;

        public IDisposable LinkTo(ITargetBlock<Work> target, DataflowLinkOptions linkOptions) => new MemoryStream();

        public Work? ConsumeMessage(DataflowMessageHeader messageHeader, ITargetBlock<Work> target, out bool messageConsumed)
        {
            messageConsumed = false;
            return null;
        }

        public bool ReserveMessage(DataflowMessageHeader messageHeader, ITargetBlock<Work> target) => false;

        public void ReleaseReservation(DataflowMessageHeader messageHeader, ITargetBlock<Work> target)
        {
        }
    }
}
