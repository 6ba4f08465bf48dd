using System.Threading.Tasks.Dataflow;
using FsCheck;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>An exception in any stage at any message, or a stop at any moment: the run ends, says why, and gives everything back.</summary>
public class FaultTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    public sealed class CustomException : Exception;

    [Cases(80, Arbitrary = [typeof(TrainingCases)])]
    public async Task Run_ExceptionAtAnyMessage_IsReportedAndEverythingComesBack(TrainingCase @case, PositiveInt where, bool cancelled)
    {
        Exception planted = cancelled ? new OperationCanceledException("not the run's") : new CustomException();
        var messages = 0;
        var last = 1 + (where.Get % 60);
        var (plan, names) = WithInsertsEverywhere(@case, () =>
        {
            if (Interlocked.Increment(ref messages) == last) throw planted;
        });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new JitterDevice(where.Get);
        var run = plan.Start(store, device);
        var thrown = await Record.ExceptionAsync(() => ConsumeAsync(run, @case).WaitAsync(Bound));
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Leaks.RequireLeasesBack(run);
        if (messages < last)
        {
            Assert.Null(thrown);
            return;
        }

        var fault = Assert.IsType<StageException>(thrown);
        Assert.Same(planted, fault.InnerException);
        Assert.Contains(fault.Stage, names);
        Assert.NotNull(fault.UnitName);
        Assert.InRange(fault.Step!.Value, 1, @case.Steps);
        await AssertStartsAgainOrSaysWhyAsync(@case, store, device);
    }

    [Cases(80, Arbitrary = [typeof(TrainingCases)])]
    public async Task Run_AbortedAtAnyMoment_EndsAndEverythingComesBack(TrainingCase @case, PositiveInt where)
    {
        var messages = 0;
        TrainingRun? run = null;
        var (plan, _) = WithInsertsEverywhere(@case, () =>
        {
            if (Interlocked.Increment(ref messages) == 1 + (where.Get % 60)) Volatile.Read(ref run)!.Abort();
        });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new JitterDevice(where.Get);
        Volatile.Write(ref run, plan.Start(store, device));
        var thrown = await Record.ExceptionAsync(() => ConsumeAsync(run!, @case).WaitAsync(Bound));
        await run!.DisposeAsync().AsTask().WaitAsync(Bound);
        Leaks.RequireLeasesBack(run);
        Assert.True(thrown is null or OperationCanceledException, thrown?.ToString());
        await AssertStartsAgainOrSaysWhyAsync(@case, store, device);
    }

    [Cases(20, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Run_PassThroughInsertsAndTapsEverywhere_ChangeNothing(TrainingCase @case)
    {
        var plain = await @case.TrainAsync();
        var seen = 0;
        var tapped = await @case.TrainAsync(rewire: plan => WithInsertsEverywhere(plan, () => { }).Plan
            .At(Stages.Download).Tap("watch gradients", gradient => gradient.UnitName, _ => Interlocked.Increment(ref seen)));
        return plain.IsBitwise(tapped);
    }

    /// <summary>The weights of the first unit are new, and no version says so.</summary>
    [Fact]
    public async Task Run_ThatEndsBetweenUpdateAndCommit_LeavesTheStoreDamaged()
    {
        var @case = Small();
        var plan = @case.Plan().At(Stages.Update).InsertAfter("throws", _ => throw new CustomException());
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        await Assert.ThrowsAsync<StageException>(() => ConsumeAsync(run, @case).WaitAsync(Bound));
        await run.DisposeAsync();
        Assert.NotEqual(@case.Model.Parameters(), StoreValues.Read(store));
        Assert.Equal("its units are between steps 0 and 1", store.Damage);
    }

    [Fact]
    public async Task Fetch_UnitUpdatedOutOfOrder_IsRefused()
    {
        var @case = Small();
        ParameterStore? meddled = null;
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options()).WithGraph(graph => graph
            .InsertBefore(Stages.Fetch, "meddle", (_, stage) => new StageBlock<LoadRequest, LoadRequest>(stage, (request, _) =>
            {
                if (meddled!.VersionOf(0) == 0) meddled.Advance(0, 1);
                return ValueTask.FromResult<LoadRequest?>(request);
            })));
        using var store = meddled = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var thrown = await Assert.ThrowsAsync<StageException>(() => ConsumeAsync(run, @case).WaitAsync(Bound));
        Assert.Equal("fetch", thrown.Stage);
        Assert.Contains("is at version 1 but the step needs version 0", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Step_WithANonFiniteGradient_IsSkippedAndLeavesTheStoreAlone()
    {
        var @case = Small() with { Steps = 2, Clip = true };
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options())
            .At(Stages.Download).InsertAfter("poison", gradient =>
            {
                if (gradient.Step == 1 && gradient.UnitName == "layer 0") gradient.Floats(0, 1)[0] = float.NaN;
                return gradient;
            });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var first = await (await run.BeginStepAsync(Micros(@case, 0))).Report;
        Assert.True(first.Skipped);
        Assert.Equal(0, store.Units.Max(unit => unit.Updates));
        Assert.Equal(@case.Model.Parameters(), StoreValues.Read(store));
        var second = await (await run.BeginStepAsync(Micros(@case, 1))).Report;
        Assert.False(second.Skipped);
        Assert.Equal(1, store.Units.Max(unit => unit.Updates));
    }

    /// <summary>A stock block drops the message of an OperationCanceledException without a word; the run must not hang.</summary>
    [Fact]
    public async Task Run_BlockThatSwallowsAMessage_FailsInsteadOfHanging()
    {
        var @case = Small();
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options())
            .At(Stages.Download).InsertAfter("swallows", (_, stage) => new TransformBlock<HostGradient, HostGradient>(
                gradient => gradient.UnitName == "layer 0" ? throw new OperationCanceledException() : gradient, stage.ToDataflow()));
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        var run = plan.Start(store, device, new GraphRunOptions { StallTimeout = TimeSpan.FromMilliseconds(300) });
        var thrown = await Assert.ThrowsAsync<StageException>(() => ConsumeAsync(run, @case).WaitAsync(Bound));
        Assert.Contains("a block has dropped one", thrown.Message, StringComparison.Ordinal);
        await run.DisposeAsync();
        Leaks.RequireLeasesBack(run);
    }

    [Fact]
    public void Validate_TooFewWeightBuffersForTheInterval_NamesEdgeAndNumbers()
    {
        var @case = Small();
        var model = ModelFamilies.Define((@case.Model with { Layers = 5 }).Config);
        var plan = TrainingPlan.For(model, new TrainingOptions { RecomputeInterval = 4, Pipeline = new() { DeviceBuffers = 3, GradientSlabs = 0 } });
        var problems = plan.Validate().Select(problem => problem.ToString()).ToList();
        Assert.Contains(problems, problem => problem.Contains("recompute of 'layer 3'", StringComparison.Ordinal) && problem.Contains("4 leases of 'device weight buffers' are out at once, the pool has 3", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("GradientSlabs", StringComparison.Ordinal));
    }

    private static TrainingCase Small() => new(
        new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 2, 5, false, 3),
        1, 1, false, 1, false, new Capacities(2, 2, 2, 2, 2, 2));

    private static List<MicroBatch> Micros(TrainingCase @case, int step) => [.. @case.Batches().ElementAt(step)];

    private static async Task ConsumeAsync(TrainingRun run, TrainingCase @case)
    {
        await foreach (var _ in run.StepsAsync(@case.Batches(), ahead: 1))
        {
        }
    }

    /// <summary>Stopping and starting again on the same store works, or the store says why not; it is never silently between two steps.</summary>
    private static async Task AssertStartsAgainOrSaysWhyAsync(TrainingCase @case, ParameterStore store, IComputeDevice device)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        if (store.Damage is not null)
        {
            Assert.Contains("load the last checkpoint", Assert.Throws<HorizonException>(() => plan.Start(store, device)).Message, StringComparison.Ordinal);
            return;
        }

        var before = store.Step;
        var untouched = await (@case with { Steps = (int)before }).TrainAsync();
        Assert.Equal(untouched.Parameters, StoreValues.Read(store));
        var run = plan.Start(store, device);
        await ConsumeAsync(run, @case).WaitAsync(Bound);
        await run.DisposeAsync();
        Assert.Equal(before + @case.Steps, store.Step);
        Assert.Equal(0, run.LeasesReclaimed);
    }

    private static (TrainingPlan Plan, List<string> Names) WithInsertsEverywhere(TrainingCase @case, Action at) =>
        WithInsertsEverywhere(TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options()), at);

    private static (TrainingPlan Plan, List<string> Names) WithInsertsEverywhere(TrainingPlan plan, Action at)
    {
        var names = new List<string>();
        TrainingPlan After<TIn, TOut>(TrainingPlan before, StageKey<TIn, TOut> stage)
            where TOut : class
        {
            names.Add($"after {stage.Name}");
            return before.At(stage).InsertAfter($"after {stage.Name}", message =>
            {
                at();
                return message;
            });
        }

        plan = After(plan, Stages.Fetch);
        plan = After(plan, Stages.Upload);
        plan = After(plan, Stages.Forward);
        plan = After(plan, Stages.Head);
        plan = After(plan, Stages.Offload);
        plan = After(plan, Stages.Return);
        plan = After(plan, Stages.Recompute);
        plan = After(plan, Stages.Backward);
        plan = After(plan, Stages.Losses);
        plan = After(plan, Stages.Download);
        plan = After(plan, Stages.Accumulate);
        plan = After(plan, Stages.Clip);
        plan = After(plan, Stages.Update);
        return (After(plan, Stages.Commit), names);
    }
}
