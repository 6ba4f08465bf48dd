using Horizon.Flow.Devices;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Tests.Training;

/// <summary>What stages keep is read by handle, while the run goes on and after it.</summary>
public class StageValueTests
{
    [Fact]
    public async Task Fold_AnAverage_IsThatOfTheReports()
    {
        var plan = SmallRun.Plan()
            .At(Stages.Accumulate).Fold("squares", (Sum: 0.0, Count: 0), (sum, gradient) => (sum.Sum + gradient.SumOfSquares!.Value, sum.Count + 1), out var onPoint)
            .Between(Stages.Update, Stages.Commit).Fold("updates", 0, (count, _) => count + 1, out var onEdge);
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        Assert.Equal((0.0, 0), run.Value(onPoint));
        var squares = 0.0;
        foreach (var step in (int[])[0, 1])
        {
            var report = await (await run.BeginStepAsync(SmallRun.Batch(step))).Report;
            squares += report.GradientNorm * report.GradientNorm;
            Assert.Equal((step + 1) * plan.Model.Units.Count, run.Value(onPoint).Count);
        }

        await run.DisposeAsync();
        Assert.Equal(squares, run.Value(onPoint).Sum, 1e-9 * squares);
        Assert.Equal(2 * plan.Model.Units.Count, run.Value(onEdge));
    }

    /// <summary>The watcher is held at its first message; a queue of a thousand cannot hold what comes meanwhile.</summary>
    [Fact]
    public async Task Tap_WhoseWatcherIsSlow_CountsWhatWasWatchedAndMissed()
    {
        var release = new TaskCompletionSource();
        var graph = GraphPlan<object>.Empty
            .Add(new StageKey<string, string>("tap"), (_, stage) => new TapBlock<string, string>(stage, text => text, _ => release.Task.Wait(), queue: 2), new StageTraits { IsEntry = true })
            .Add(new SinkKey<string>("end"), (_, stage) => new StageSink<string>(stage, (_, _) => ValueTask.CompletedTask))
            .Connect<string>("tap", "end");
        using var running = graph.Start(new object());
        for (var i = 0; i < 50; i++) await System.Threading.Tasks.Dataflow.DataflowBlock.SendAsync(running.Entry<string>(), "x");
        while (running.Probes[0].Shares.Messages < 50) await Task.Yield();
        var held = running.Value<TapCounts>("tap");
        Assert.Equal((0L, true), (held.Watched, held.Missed is >= 47 and <= 48)); // two wait, one may be in hand
        release.SetResult();
        running.Complete();
        await running.Completion;
        var end = running.Value<TapCounts>("tap");
        Assert.Equal((50L, held.Missed), (end.Watched + end.Missed, end.Missed));
    }

    [Fact]
    public async Task Tap_WithAHandle_CountsEveryMessage()
    {
        var plan = SmallRun.Plan().At(Stages.Accumulate).Tap("watch", gradient => gradient.UnitName, _ => { }, out var counts);
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        await (await run.BeginStepAsync(SmallRun.Batch())).Report;
        await run.DisposeAsync();
        Assert.Equal(plan.Model.Units.Count, run.Value(counts).Watched + run.Value(counts).Missed);
    }

    [Fact]
    public async Task Value_OfAStageWithoutOne_IsRefusedByName()
    {
        var plan = SmallRun.Plan();
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        Assert.Contains("stage 'clip' keeps no value of type Int32", Assert.Throws<ArgumentException>(() => run.Value<int>("clip")).Message, StringComparison.Ordinal);
        Assert.Contains("no stage 'nothing'", Assert.Throws<ArgumentException>(() => run.Value<int>("nothing")).Message, StringComparison.Ordinal);
    }
}
