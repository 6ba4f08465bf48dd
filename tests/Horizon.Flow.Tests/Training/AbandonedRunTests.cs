using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Tests.Training;

/// <summary>A run with a stage that does not end: it ends without it, says which, and nothing that the stage may use is freed or used again.</summary>
public class AbandonedRunTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly GraphRunOptions Quick = new() { StopTimeout = TimeSpan.FromMilliseconds(200) };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WithABodyThatNeverEnds_LeavesWhatItHolds(bool onTheLane)
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var leave = new ManualResetEventSlim();
        var left = new TaskCompletionSource<float>(TaskCreationOptions.RunContinuationsAsynchronously);
        var plan = SmallRun.Plan().OutOfJoin(Stages.Download).Insert("stuck", (run, stage) => new StageBlock<DeviceGradient, DeviceGradient>(stage, async (gradient, _) =>
        {
            if (gradient.Visit.Layer != 0) return gradient; // the whole step is in
            var held = gradient.Gradient.Value.Buffer.Flat;
            void Stand()
            {
                entered.TrySetResult();
                leave.Wait();
                using var first = held.cpu();
                using var data = first.data<float>();
                left.TrySetResult(data[0]); // the buffer is still there
            }

            if (onTheLane) await run.Device.Lane.RunAsync(Stand);
            else await Task.Run(Stand);
            return gradient;
        }));
        var store = SmallRun.NewStore(plan);
        var device = new CpuDevice();
        var run = plan.Start(store, device, Quick);
        var step = await run.BeginStepAsync(SmallRun.Batch()).WaitAsync(Bound);
        await entered.Task.WaitAsync(Bound);
        run.Abort();
        await run.DisposeAsync().AsTask().WaitAsync(Bound);

        var told = await Assert.ThrowsAsync<StageException>(() => step.Report.WaitAsync(Bound));
        Assert.Same(run.Fault, told);
        // On a busy machine others may not have ended in that time either.
        Assert.Matches("the run was stopped; stages? .*'stuck'.* did not end within 0.2 s of the stop", told.Message);
        Assert.Contains("stuck", told.UnendedStages);
        Assert.True(run.LeasesAbandoned > 0);
        Assert.Matches("stage 'stuck'.* of a run did not end and may still change them; start the program anew", Assert.Throws<HorizonException>(() => plan.Start(store, device)).Message);
        store.Dispose();
        device.Dispose();
        leave.Set();
        Assert.True(float.IsFinite(await left.Task.WaitAsync(Bound)));
        Assert.Equal(store.Units[0].Layout.ElementCount, store.Units[0].Weights.Span<float>(0, (int)store.Units[0].Layout.ElementCount).Length);
    }

    [Fact]
    public async Task Dispose_BesideAnError_TellsTheErrorFirst()
    {
        var never = new TaskCompletionSource();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var plan = SmallRun.Plan().At(Stages.Download).InsertAfter("stuck", (_, stage) => new StageBlock<HostGradient, HostGradient>(stage, async (gradient, _) =>
        {
            entered.TrySetResult();
            await never.Task;
            return gradient;
        })).OutOfJoin(Stages.Download).Insert("fails", (_, stage) => new StageBlock<DeviceGradient, DeviceGradient>(stage, async (gradient, _) =>
        {
            if (gradient.UnitName == "layer 0") await entered.Task.ContinueWith(_ => throw new InvalidOperationException("planted"), TaskScheduler.Default);
            return gradient;
        }));
        var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device, Quick);
        var told = await Assert.ThrowsAsync<StageException>(async () => await (await run.BeginStepAsync(SmallRun.Batch())).Report.WaitAsync(Bound));
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Assert.Equal(("fails", "layer 0", "planted"), (told.Stage, told.UnitName, told.InnerException!.Message));
        Assert.Contains("stuck", told.UnendedStages);
        Assert.NotNull(store.Damage);
        never.SetResult();
    }

    /// <summary>Thousands of starts and stops elsewhere rest on this: a run that ends in order abandons nothing.</summary>
    [Fact]
    public async Task Dispose_AfterAbort_AbandonsNothing()
    {
        var plan = SmallRun.Plan();
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device, new GraphRunOptions());
        await run.BeginStepAsync(SmallRun.Batch());
        run.Abort();
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Assert.Equal(0, run.LeasesAbandoned);
        Assert.All(run.Context.Pools, pool => Assert.Equal(0, pool.Outstanding));
        Assert.Null(run.Fault);
    }

    /// <summary>The watcher is held until all gradients have passed.</summary>
    [Fact]
    public async Task Missed_ByASlowTap_IsCountedAndAWaitingTapMissesNothing()
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (looked, seen) = (0, 0);
        var plan = SmallRun.Plan()
            .At(Stages.Download).TapWaiting("all", _ => Interlocked.Increment(ref looked), _ => Interlocked.Increment(ref seen))
            .WithGraph(graph => graph.InsertAfter(Stages.Download, "few", (_, stage) => new TapBlock<HostGradient, string>(stage, gradient => gradient.UnitName, _ => passed.Task.Wait(), queue: 1)));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        for (var step = 0; step < 3; step++) await run.BeginStepAsync(SmallRun.Batch(step));
        await run.StepBoundaryAsync().WaitAsync(Bound);
        passed.SetResult();
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Assert.Equal(looked, seen);
        Assert.Equal("few", Assert.Single(run.Missed).Key);
        Assert.InRange(run.Missed["few"], 1, looked - 1);
        Assert.Equal(run.Missed["few"], run.Shares["few"].Missed);
    }
}
