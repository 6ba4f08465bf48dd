using System.Threading.Tasks.Dataflow;
using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Graph.Tests;

/// <summary>
/// Random lines of stages, some of which take and give back leases, with random capacities and delays: they finish, keep order, end in
/// bounded time on a fault or a cancel, and every lease is back.
/// </summary>
public class RunningGraphTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    public sealed record Shape(int Stages, int Messages, int Seed, int PoolCapacity)
    {
        public int CapacityOf(int stage) => 1 + (Seeds.Mix(Seed, stage) % 4);

        public int DelayOf(int stage, int message) => Seeds.Mix(Seed, stage, message, 7) % 5;
    }

    public static class Shapes
    {
        public static Arbitrary<Shape> Shape() => Arb.From(
            from stages in Gen.Choose(1, 6)
            from messages in Gen.Choose(1, 40)
            from seed in Gen.Choose(0, int.MaxValue - 1)
            from pool in Gen.Choose(1, 4)
            select new Shape(stages, messages, seed, pool));
    }

    /// <summary>One pool for each stage that rents: two stages of one line that rent from one pool can lock each other.</summary>
    public sealed class Pools(int capacity) : IDisposable
    {
        private readonly Dictionary<int, LeasePool<object>> _pools = [];

        public int Outstanding => _pools.Values.Sum(pool => pool.Outstanding);

        public LeasePool<object> Of(int stage)
        {
            lock (_pools)
            {
                if (!_pools.TryGetValue(stage, out var pool))
                    _pools.Add(stage, pool = new LeasePool<object>($"pool {stage}", capacity, () => new object()));
                return pool;
            }
        }

        public void Reclaim()
        {
            foreach (var pool in _pools.Values) pool.Reclaim();
        }

        public void Dispose()
        {
            foreach (var pool in _pools.Values) pool.Dispose();
        }
    }

    public sealed class CustomException(string message) : Exception(message);

    [Cases(300, Arbitrary = [typeof(Shapes)])]
    public async Task<bool> Run_AnyCapacities_FinishesInOrderWithAllLeasesBack(Shape shape)
    {
        using var pool = new Pools(shape.PoolCapacity);
        var seen = new List<int>();
        using var graph = Line(shape, pool, seen, (_, _) => { }).Start(new object());
        foreach (var number in Enumerable.Range(0, shape.Messages))
            Assert.True(await graph.Entry<Work>().SendAsync(new Work(1, number)).WaitAsync(Bound));
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        return graph.Fault is null && pool.Outstanding == 0 && seen.SequenceEqual(Enumerable.Range(0, shape.Messages));
    }

    [Cases(400, Arbitrary = [typeof(Shapes)])]
    public async Task<bool> Run_ExceptionAnywhere_EndsWithItUnchangedAndAllLeasesBack(Shape shape, bool cancelled)
    {
        using var pool = new Pools(shape.PoolCapacity);
        var badStage = (int)((uint)shape.Seed % shape.Stages);
        var badMessage = (int)((uint)(shape.Seed / 7) % shape.Messages);
        Exception thrown = cancelled ? new OperationCanceledException("not the run's token") : new CustomException("planted");
        using var graph = Line(shape, pool, [], (stage, message) =>
        {
            if (stage == badStage && message == badMessage) throw thrown;
        }).Start(new object());
        for (var number = 0; number < shape.Messages; number++)
            if (!await graph.Entry<Work>().SendAsync(new Work(1, number)).WaitAsync(Bound)) break;
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        pool.Reclaim();
        return graph.Fault is { } fault && ReferenceEquals(fault.InnerException, thrown) && fault.Stage == $"stage {badStage}"
            && fault.UnitName == $"unit {badMessage}" && fault.Step == 1 && pool.Outstanding == 0;
    }

    [Cases(300, Arbitrary = [typeof(Shapes)])]
    public async Task<bool> Run_CancelledAnywhere_EndsWithAllLeasesBack(Shape shape)
    {
        using var pool = new Pools(shape.PoolCapacity);
        using var cancel = new CancellationTokenSource();
        var left = shape.Seed % (shape.Messages * shape.Stages);
        using var graph = Line(shape, pool, [], (_, _) =>
        {
            if (Interlocked.Decrement(ref left) == 0) cancel.Cancel();
        }).Start(new object(), new GraphRunOptions { Cancellation = cancel.Token });
        for (var number = 0; number < shape.Messages; number++)
            if (!await graph.Entry<Work>().SendAsync(new Work(1, number)).WaitAsync(Bound)) break;
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        pool.Reclaim();
        return graph.Fault is null && pool.Outstanding == 0;
    }

    [Fact]
    public async Task Run_MessageThatNoRouteTakes_IsAFaultNotAHang()
    {
        StageKey<Work, Work> a = new("a");
        SinkKey<Work> end = new("end");
        var plan = GraphPlan<object>.Empty
            .Add(a, GraphPlanTests.Pass, new StageTraits { IsEntry = true })
            .Add(end, (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask))
            .Connect(a, end, "even", work => work.Number % 2 == 0);
        using var graph = plan.Start(new object());
        await graph.Entry<Work>().SendAsync(new Work(3, 1));
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal("a", graph.Fault!.Stage);
        Assert.Contains("no edge out of 'a' takes work 1", graph.Fault.Message, StringComparison.Ordinal);
    }

    /// <summary>Routes are exclusive and the first that fits wins, also while its stage is full and Dataflow offers the message on.</summary>
    [Cases(100, Arbitrary = [typeof(Shapes)])]
    public async Task<bool> Run_Routes_GoWhereTheyBelong(Shape shape)
    {
        StageKey<Work, Work> a = new("a");
        SinkKey<Work> odd = new("odd"), three = new("three"), rest = new("rest");
        var seen = new Dictionary<string, List<int>> { ["odd"] = [], ["three"] = [], ["rest"] = [] };
        ITargetBlock<Work> Sink(string name, StageOptions stage) => new StageSink<Work>(stage, async (work, _) =>
        {
            for (var i = shape.DelayOf(name.Length, work.Number); i > 0; i--) await Task.Yield();
            seen[name].Add(work.Number);
        });
        var plan = GraphPlan<object>.Empty
            .Add(a, GraphPlanTests.Pass, new StageTraits { IsEntry = true })
            .Add(odd, (_, stage) => Sink("odd", stage)).Add(three, (_, stage) => Sink("three", stage)).Add(rest, (_, stage) => Sink("rest", stage))
            .Connect(a, odd, "odd", work => work.Number % 2 == 1)
            .Connect(a, three, "three", work => work.Number % 3 == 0)
            .Connect(a, rest);
        using var graph = plan.Start(new object());
        foreach (var number in Enumerable.Range(0, shape.Messages)) await graph.Entry<Work>().SendAsync(new Work(1, number)).WaitAsync(Bound);
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        var all = Enumerable.Range(0, shape.Messages).ToList();
        return graph.Fault is null && seen["odd"].SequenceEqual(all.Where(n => n % 2 == 1))
            && seen["three"].SequenceEqual(all.Where(n => n % 2 == 0 && n % 3 == 0)) && seen["rest"].SequenceEqual(all.Where(n => n % 2 == 0 && n % 3 != 0));
    }

    [Fact]
    public async Task Run_StockBlockThatThrows_IsReportedWithItsMessage()
    {
        StageKey<Work, Work> a = new("a");
        SinkKey<Work> end = new("end");
        var plan = GraphPlan<object>.Empty
            .Add(a, (_, stage) => new TransformBlock<Work, Work>(Work (Work _) => throw new CustomException("stock"), stage.ToDataflow()), new StageTraits { IsEntry = true })
            .Add(end, (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask))
            .Connect(a, end);
        using var graph = plan.Start(new object());
        await graph.Entry<Work>().SendAsync(new Work(3, 5));
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal("a", graph.Fault!.Stage);
        Assert.Contains("at work 5", graph.Fault.Message, StringComparison.Ordinal);
        Assert.IsType<CustomException>(graph.Fault.InnerException);
    }

    [Fact]
    public async Task Tap_SeesEverythingAndChangesNothing()
    {
        var shape = new Shape(3, 30, 11, 2);
        using var pool = new Pools(shape.PoolCapacity);
        var seen = new List<int>();
        var tapped = new List<int>();
        TapBlock<Work, int>? tap = null;
        var plan = Line(shape, pool, seen, (_, _) => { })
            .InsertAfter(new StageKey<Work, Work>("stage 1"), "tap", (_, stage) => tap = new TapBlock<Work, int>(stage, work => work.Number, tapped.Add));
        using var graph = plan.Start(new object());
        foreach (var number in Enumerable.Range(0, shape.Messages)) await graph.Entry<Work>().SendAsync(new Work(1, number));
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        await tap!.Watching.WaitAsync(Bound);
        Assert.Equal(Enumerable.Range(0, shape.Messages), seen);
        Assert.Equal(seen.Count - tap.Missed, tapped.Count);
        Assert.Equal(tapped, tapped.Order());
    }

    /// <summary>The watcher is held until every message has passed: what the queue had no place for is counted where a user looks.</summary>
    [Fact]
    public async Task Tap_WhoseWatcherIsSlow_CountsWhatItMissed()
    {
        const int Messages = 40, Queue = 4;
        using var passed = new ManualResetEventSlim();
        using var pool = new Pools(2);
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (seen, tapped) = (new List<int>(), new List<int>());
        var plan = Line(new Shape(1, Messages, 1, 2), pool, seen, (_, _) => { })
            .InsertAfter(new StageKey<Work, Work>("stage 0"), "tap", (_, stage) => new TapBlock<Work, int>(stage, work => work.Number, number =>
            {
                passed.Wait();
                tapped.Add(number);
            }, Queue))
            .InsertAfter(new StageKey<Work, Work>("tap"), "count", (_, stage) => new StageBlock<Work, Work>(stage, (work, _) =>
            {
                if (work.Number == Messages - 1) all.TrySetResult();
                return ValueTask.FromResult<Work?>(work);
            }));
        using var graph = plan.Start(new object());
        foreach (var number in Enumerable.Range(0, Messages)) await graph.Entry<Work>().SendAsync(new Work(1, number));
        graph.Entry<Work>().Complete();
        await all.Task.WaitAsync(Bound);
        passed.Set();
        await graph.Completion.WaitAsync(Bound);
        var shares = graph.Probes.Single(probe => probe.Stage == "tap").Shares;
        Assert.Equal((Messages, Messages), (seen.Count, tapped.Count + (int)shares.Missed));
        Assert.InRange(shares.Missed, 1, Messages - Queue);
        Assert.Contains($"{shares.Missed} messages passed unseen", GraphDrawing.Of(plan, shares: graph.Probes.ToDictionary(probe => probe.Stage, probe => probe.Shares)).ToDot(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tap_ThatWaits_SeesEverythingWhateverTheQueue()
    {
        const int Messages = 60;
        using var pool = new Pools(2);
        var (seen, tapped) = (new List<int>(), new List<int>());
        var plan = Line(new Shape(1, Messages, 1, 2), pool, seen, (_, _) => { })
            .InsertAfter(new StageKey<Work, Work>("stage 0"), "tap", (_, stage) => new TapBlock<Work, int>(stage, work => work.Number, number =>
            {
                Thread.Yield();
                tapped.Add(number);
            }, queue: 1, waits: true));
        using var graph = plan.Start(new object());
        foreach (var number in Enumerable.Range(0, Messages)) await graph.Entry<Work>().SendAsync(new Work(1, number));
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal(Enumerable.Range(0, Messages), tapped);
        Assert.Equal(seen, tapped);
        Assert.All(graph.Probes, probe => Assert.Equal(0, probe.Shares.Missed));
    }

    [Fact]
    public async Task Tap_WhoseWatcherThrows_StopsTheRun()
    {
        var shape = new Shape(2, 10, 3, 1);
        using var pool = new Pools(1);
        var plan = Line(shape, pool, [], (_, _) => { })
            .InsertAfter(new StageKey<Work, Work>("stage 0"), "tap", (_, stage) => new TapBlock<Work, int>(stage, work => work.Number, _ => throw new CustomException("watcher")));
        using var graph = plan.Start(new object());
        for (var number = 0; graph.Fault is null && number < 100_000; number++)
            if (!await graph.Entry<Work>().SendAsync(new Work(1, number)).WaitAsync(Bound)) break;
        await graph.Completion.WaitAsync(Bound);
        Assert.Equal("tap", graph.Fault!.Stage);
        Assert.IsType<CustomException>(graph.Fault.InnerException);
    }

    [Fact]
    public async Task Probes_ShareOutTheTime()
    {
        var shape = new Shape(3, 20, 5, 2);
        using var pool = new Pools(2);
        using var graph = Line(shape, pool, [], (_, _) => { }).Start(new object());
        foreach (var number in Enumerable.Range(0, shape.Messages)) await graph.Entry<Work>().SendAsync(new Work(1, number));
        graph.Entry<Work>().Complete();
        await graph.Completion.WaitAsync(Bound);
        Assert.All(graph.Probes, probe => Assert.Equal(shape.Messages, probe.Shares.Messages));
        Assert.All(graph.Probes, probe => Assert.True(probe.Shares is { Busy.Ticks: >= 0, Waiting.Ticks: >= 0, Starved.Ticks: >= 0, Blocked.Ticks: >= 0 }));
    }

    /// <summary>entry, stages of which the even ones rent a lease and the odd ones give it back, and a sink.</summary>
    private static GraphPlan<object> Line(Shape shape, Pools pools, List<int> seen, Action<int, int> at)
    {
        var plan = GraphPlan<object>.Empty;
        for (var number = 0; number < shape.Stages; number++)
        {
            var index = number;
            plan = plan.Add(
                new StageKey<Work, Work>($"stage {index}"),
                (_, stage) => new StageBlock<Work, Work>(stage, async (work, call) =>
                {
                    if (index % 2 == 0 && work.Lease is null) work.Lease = await call.WaitFor(pools.Of(index).RentAsync(call.Cancellation));
                    for (var i = shape.DelayOf(index, work.Number); i > 0; i--) await Task.Yield();
                    at(index, work.Number);
                    if (index % 2 == 1)
                    {
                        work.Lease?.Dispose();
                        work.Lease = null;
                    }

                    return work;
                }),
                new StageTraits { Capacity = shape.CapacityOf(index), IsEntry = index == 0 });
        }

        plan = plan.Add(new SinkKey<Work>("end"), (_, stage) => new StageSink<Work>(stage, (work, _) =>
        {
            work.Lease?.Dispose();
            seen.Add(work.Number);
            return ValueTask.CompletedTask;
        }));
        for (var index = 0; index < shape.Stages; index++)
            plan = plan.Connect<Work>($"stage {index}", index == shape.Stages - 1 ? "end" : $"stage {index + 1}");
        return plan;
    }
}
