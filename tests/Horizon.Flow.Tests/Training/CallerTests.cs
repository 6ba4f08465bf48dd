using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Training;

/// <summary>A run takes one caller at a time, from outside: who comes second, or from within, is told so by name, and the run goes on.</summary>
public class CallerTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>The graph is held, so that the first caller is still sending when the second one comes.</summary>
    [Fact]
    public async Task Begin_FromASecondCaller_IsRefusedByNameAndTheRunGoesOn()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var plan = SmallRun.Plan().At(Stages.Fetch).InsertAfter("hold", (_, stage) => new StageBlock<HostUnit, HostUnit>(stage, async (unit, call) =>
        {
            await call.WaitFor(new ValueTask(gate.Task));
            return unit;
        }));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var first = run.BeginStepAsync(SmallRun.Batch());
        var second = await Assert.ThrowsAsync<InvalidOperationException>(() => run.EvaluateAsync(SmallRun.Batch(1)));
        Assert.Equal("EvaluateAsync was called while BeginStepAsync of another caller is still sending its micro-batches; a run takes one caller at a time: await the first call", second.Message);
        await Assert.ThrowsAsync<InvalidOperationException>(() => run.BeginStepAsync(SmallRun.Batch(1)));
        gate.SetResult();
        Assert.Equal(1, (await (await first).Report.WaitAsync(Bound)).Step);
        Assert.True(double.IsFinite(await run.EvaluateAsync(SmallRun.Batch(1)).WaitAsync(Bound)));
        Assert.Equal(2, (await (await run.BeginStepAsync(SmallRun.Batch(1))).Report.WaitAsync(Bound)).Step);
    }

    [Fact]
    public async Task Evaluate_FromAStageOfTheSameRun_IsAFaultNotAHang()
    {
        TrainingRun? run = null;
        var plan = SmallRun.Plan().At(Stages.Download).InsertAfter("evaluates", (_, stage) => new StageBlock<HostGradient, HostGradient>(stage, async (gradient, _) =>
        {
            await Volatile.Read(ref run)!.EvaluateAsync(SmallRun.Batch(1));
            return gradient;
        }));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var started = plan.Start(store, device);
        Volatile.Write(ref run, started);
        var fault = await Assert.ThrowsAsync<StageException>(async () => await (await started.BeginStepAsync(SmallRun.Batch())).Report.WaitAsync(Bound));
        Assert.Equal("evaluates", fault.Stage);
        Assert.Contains("EvaluateAsync was called from stage 'evaluates' of the same run, which would wait for itself", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StepBoundary_AfterStepsBegun_StandsAtTheLastOfThem()
    {
        var plan = SmallRun.Plan();
        using var store = SmallRun.NewStore(plan);
        using var device = new JitterDevice(5);
        await using var run = plan.Start(store, device);
        Assert.Equal(0, await run.StepBoundaryAsync().WaitAsync(Bound));
        for (var step = 0; step < 3; step++) await run.BeginStepAsync(SmallRun.Batch(step));
        Assert.Equal(3, await run.StepBoundaryAsync().WaitAsync(Bound));
        Assert.Equal((3L, false, null), (store.Step, store.IsUnderWay, store.Damage));
    }

    [Fact]
    public async Task Start_OnAStoreWithAStepUnderWay_IsRefused()
    {
        var plan = SmallRun.Plan();
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        store.Begin(1);
        Assert.Contains("another run has a step", Assert.Throws<HorizonException>(() => plan.Start(store, device)).Message, StringComparison.Ordinal);
        store.EndRun();
        await using var run = plan.Start(store, device);
    }
}
