using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Training;

/// <summary>Stock blocks in the places of stages that compute: what they do wrong is told with stage, unit and step, and nothing hangs.</summary>
public class VanishedMessageTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Forward_ThatDropsAVisit_IsNamedByTheStall()
    {
        var told = await FaultAsync((StageOptions stage) => new TransformManyBlock<ForwardWork, Computed>(
            work => work.UnitName == "layer 0" ? [] : [work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch))], stage.ToDataflow()));
        Assert.Contains("join waits for 'forward' to give back forward of 'layer 0', step 1, micro-batch 1 of 1", told.Message, StringComparison.Ordinal);
        Assert.Contains("leases of 'device weight buffers' are out", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forward_ThatGivesTwice_IsAFault()
    {
        var told = await FaultAsync((StageOptions stage) => new TransformManyBlock<ForwardWork, Computed>(
            work =>
            {
                var computed = work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch));
                return [computed, computed];
            },
            stage.ToDataflow()));
        Assert.Equal("join", told.Stage);
        Assert.Contains("came back twice, or out of turn", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forward_ThatGivesNull_IsAFault()
    {
        var told = await FaultAsync((StageOptions stage) => new TransformBlock<ForwardWork, Computed>(_ => (Computed)null!, stage.ToDataflow()));
        Assert.Contains("a stage gave null", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forward_OffTheLane_IsToldHowToGetThere()
    {
        var told = await FaultAsync((StageOptions stage) => new TransformBlock<ForwardWork, Computed>(
            work => work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch)), new ExecutionDataflowBlockOptions { BoundedCapacity = 1, CancellationToken = stage.Cancellation }));
        Assert.Equal("forward", told.Stage);
        Assert.Contains("computes outside the device's compute lane; make its block with stage.ToDataflow()", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backward_ThatWritesNoGradient_IsAFault()
    {
        var told = await FaultAsync(plan => plan.At(Stages.Backward).Replace((_, stage) => new TransformBlock<BackwardWork, Computed>(
            work => work.Give(work.OutputGradient.clone()), stage.ToDataflow())));
        Assert.Contains("gives a gradient in its program, but nothing was written to Gradients", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_ThatDropsAGradient_NamesTheUnitThatIsMissing()
    {
        var told = await FaultAsync(plan => plan.At(Stages.Download).InsertAfter("drops", (_, stage) => new TransformManyBlock<HostGradient, HostGradient>(
            gradient => gradient.UnitName == "layer 1" ? [] : [gradient], stage.ToDataflow())));
        Assert.Contains("step 1 waits for 'layer 1'", told.Message, StringComparison.Ordinal);
    }

    /// <summary>What a body goes on computing with belongs to its scope: a hundred steps more hold no more than fifty did.</summary>
    [Fact]
    public async Task Forward_ThatComputesOn_LeaksNothing()
    {
        var plan = SmallRun.Plan().At(Stages.Forward).Replace((_, stage) => new TransformBlock<ForwardWork, Computed>(
            work => work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch).Plus(zeros_like(work.Template.Forward(work.Parameters!, work.Input, work.Batch)))), stage.ToDataflow()));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var counts = new List<long>();
        for (var part = 0; part < 3; part++)
        {
            await foreach (var _ in run.StepsAsync(Enumerable.Repeat(SmallRun.Batch(), 50)))
            {
            }

            counts.Add(await device.Lane.RunAsync(() => TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount, CancellationToken.None));
        }

        // Views that a buffer makes late are allowed; a tensor left behind each step, let alone each visit, would be a hundred.
        Assert.InRange(counts[^1], 0, counts[0] + 99);
    }

    private static Task<StageException> FaultAsync(Func<StageOptions, IPropagatorBlock<ForwardWork, Computed>> forward) =>
        FaultAsync(plan => plan.At(Stages.Forward).Replace((_, stage) => forward(stage)));

    private static async Task<StageException> FaultAsync(Func<TrainingPlan, TrainingPlan> rewire)
    {
        var plan = rewire(SmallRun.Plan());
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        var run = plan.Start(store, device, new GraphRunOptions { StallTimeout = TimeSpan.FromMilliseconds(300) });
        // A fault may come while the step is still being sent.
        var told = await Assert.ThrowsAsync<StageException>(async () => await (await run.BeginStepAsync(SmallRun.Batch())).Report.WaitAsync(Bound));
        await run.DisposeAsync().AsTask().WaitAsync(Bound);
        Assert.All(run.Context.Pools, pool => Assert.Equal(0, pool.Outstanding));
        return told;
    }
}
