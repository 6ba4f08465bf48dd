using FsCheck;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>Weights that are updated before their optimizer's state: sooner for the next forward, with the same bits, and never left half way by a run that is stopped.</summary>
public class WeightsFirstTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private sealed class PlantedException : Exception;

    /// <summary>Weights, differences, moments and counts, for any share.</summary>
    [Cases(20, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_AnyShare_LeavesTheSameStore(TrainingCase @case, bool bf16, bool lion, PositiveInt share)
    {
        var tested = @case with { Clip = true, Bf16 = bf16 };
        var rule = OptimizerFactory.Create(lion ? "lion" : "adamw");
        Assert.Equal(await StateAsync(tested, With(tested, 0, rule)), await StateAsync(tested, With(tested, share.Get % 5 / 4.0, rule)));
    }

    /// <summary>The state of the first step is held until the next step has come to its head, which needs the weights of every unit.</summary>
    [Fact]
    public async Task Train_StateThatDoesNotFollowYet_HoldsNoForward()
    {
        using var headIsReached = new ManualResetEventSlim();
        var parts = new List<UpdateParts>();
        var rule = new WatchedOptimizer(OptimizerFactory.Create("adamw"), part =>
        {
            lock (parts) parts.Add(part);
            if (part == UpdateParts.State) Assert.True(headIsReached.Wait(Bound), "the next step did not reach its head");
        });
        var @case = TrainingCase.Small with { MicroBatches = 1 };
        var plan = With(@case, 1, rule).WithGraph(graph => graph.InsertBefore(Stages.Head, "watch", (_, stage) => new StageBlock<HeadWork, HeadWork>(stage, (work, _) =>
        {
            if (work.Step == 2) headIsReached.Set();
            return ValueTask.FromResult<HeadWork?>(work);
        })));
        await StateAsync(@case, plan).WaitAsync(Bound);
        var units = @case.Definition.Units.Count;
        Assert.Equal(
            [.. Enumerable.Repeat(UpdateParts.Weights, units), .. Enumerable.Repeat(UpdateParts.State, units), .. Enumerable.Repeat(UpdateParts.Weights, units), .. Enumerable.Repeat(UpdateParts.State, units)],
            parts);
    }

    /// <summary>Stopped while the state follows: the rest of it follows at the run's end, and the store stands at the step.</summary>
    [Cases(20, Arbitrary = [typeof(TrainingCases)])]
    public async Task Run_StoppedWhileTheStateFollows_LeavesTheStoreAtItsStep(TrainingCase @case, PositiveInt where)
    {
        var tested = @case with { Clip = true, Steps = 1 };
        var rule = OptimizerFactory.Create("adamw");
        var expected = await StateAsync(tested, With(tested, 1, rule));
        TrainingRun? run = null;
        var states = 0;
        var plan = With(tested, 1, new WatchedOptimizer(rule, part =>
        {
            if (part == UpdateParts.State && states++ == where.Get % tested.Definition.Units.Count) Volatile.Read(ref run)!.Abort();
        }));
        using var store = tested.CreateStore(plan);
        using var device = new CpuDevice();
        Volatile.Write(ref run, plan.Start(store, device));
        await Record.ExceptionAsync(() => ConsumeAsync(run!, tested).WaitAsync(Bound));
        await run!.DisposeAsync().AsTask().WaitAsync(Bound);
        Leaks.RequireLeasesBack(run);
        Assert.Null(store.Damage);
        Assert.Equal(1, store.Step);
        Assert.Equal(expected, State(store));
    }

    [Theory]
    [InlineData(UpdateParts.Weights, "half way")]
    [InlineData(UpdateParts.State, "did not follow its weights")]
    public async Task Run_PartThatFails_LeavesTheStoreDamaged(UpdateParts part, string why)
    {
        var @case = TrainingCase.Small;
        var plan = With(@case, 1, new WatchedOptimizer(OptimizerFactory.Create("adamw"), done =>
        {
            if (done == part) throw new PlantedException();
        }));
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        var fault = await Assert.ThrowsAsync<StageException>(() => ConsumeAsync(run, @case).WaitAsync(Bound));
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Assert.Equal("update", fault.Stage);
        Leaks.RequireLeasesBack(run);
        Assert.Contains(why, store.Damage, StringComparison.Ordinal);
    }

    /// <summary>Without clipping nothing waits for the norm; a rule that needs the weights for its state, or a stage that looks at the unit before commit, gets the whole update.</summary>
    [Fact]
    public void WeightsFirst_WhereItGainsNothingOrIsSeen_IsNone()
    {
        var @case = TrainingCase.Small;
        var all = With(@case, 1, OptimizerFactory.Create("adamw"));
        Assert.Equal(Enumerable.Range(0, @case.Definition.Units.Count), all.WeightsFirst);
        Assert.Equal([0], With(@case, 0.1, OptimizerFactory.Create("adamw")).WeightsFirst);
        Assert.Empty(With(@case, 0, OptimizerFactory.Create("adamw")).WeightsFirst);
        Assert.Empty(all.With(options => options with { MaxGradientNorm = null }).WeightsFirst);
        Assert.Empty(With(@case, 1, OptimizerFactory.Create("adafactor")).WeightsFirst);
        Assert.Empty(all.At(Stages.Update).InsertAfter("looks", updated => updated).WeightsFirst);
        Assert.Contains(With(@case, 1.5, OptimizerFactory.Create("adamw")).Validate(), problem => problem.ToString().Contains("WeightsFirst", StringComparison.Ordinal));
    }

    private static TrainingPlan With(TrainingCase @case, double share, IHostOptimizer rule) => @case.Plan().With(options => options with
    {
        Optimizer = rule, Pipeline = options.Pipeline with { WeightsFirst = share },
    });

    private static async Task<byte[][]> StateAsync(TrainingCase @case, TrainingPlan plan)
    {
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice();
        await using (var run = plan.Start(store, device)) await ConsumeAsync(run, @case);
        Assert.Null(store.Damage);
        return State(store);
    }

    private static byte[][] State(ParameterStore store) =>
        [.. store.Units.SelectMany(unit => unit.Buffers.Select(buffer => buffer.Span<byte>(0, (int)buffer.ByteLength).ToArray()).Append(BitConverter.GetBytes(unit.Updates)))];

    private static async Task ConsumeAsync(TrainingRun run, TrainingCase @case)
    {
        await foreach (var _ in run.StepsAsync(@case.Batches(), ahead: 1).ConfigureAwait(false))
        {
        }
    }
}
