using System.Threading.Tasks.Dataflow;
using Horizon.Flow;
using Horizon.Flow.Devices;
using Horizon.Flow.Messages;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

/// <summary>Tensors are counted for the whole process, so no other test runs beside.</summary>
[Collection(nameof(Alone))]
public class StockTwinsLeakTests
{
    /// <summary>What a body computes beside what it gives belongs to the lane's scope: nothing outlives its visit.</summary>
    [Fact]
    public async Task Give_ABodyThatGoesOnComputingWithWhatATemplateGave_LeaksNothing()
    {
        // One buffer of each kind: a buffer's views of a unit, made when it first holds one, are then all there after a step.
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options with { Pipeline = new() { DeviceBuffers = 1, GradientBuffers = 1 } })
            .At(Stages.Forward).Replace((_, stage) => new TransformBlock<ForwardWork, Computed>(
                work => work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch).Plus(1).Minus(1)), stage.ToDataflow()))
            .At(Stages.Head).Replace((_, stage) => new TransformBlock<HeadWork, Computed>(
                work =>
                {
                    var result = work.Head.Differentiate(work.Parameters!, work.Gradients, work.Input, work.Batch, work.LossScale);
                    return work.Give(new HeadResult(result.LossSum.Times(2), result.InputGradient.Plus(0)));
                },
                stage.ToDataflow()))
            .At(Stages.Backward).Replace((_, stage) => new TransformBlock<BackwardWork, Computed>(
                work => work.Give(work.Tape.Backward(work.OutputGradient.Times(1), work.Gradients)?.Plus(0)), stage.ToDataflow()));
        using var store = Tiny.CreateStore(plan);
        using var device = Tiny.CreateDevice();
        await using var run = plan.Start(store, device);
        GC.Collect(); // what other tests left to finalizers
        GC.WaitForPendingFinalizers();
        var counts = new List<long>();
        await foreach (var report in run.StepsAsync(Tiny.Steps(51, rows: 2, length: 8)))
            if (report.Step % 10 == 1) counts.Add(await TensorsAsync(run, device));
        Assert.Equal(6, counts.Count);
        Assert.All(counts, count => Assert.Equal(counts[0], count));
    }

    // Between steps, behind everything that the lane still had to dispose.
    private static async Task<long> TensorsAsync(TrainingRun run, IComputeDevice device)
    {
        await run.StepBoundaryAsync();
        long count = 0;
        await device.Lane.RunAsync(() => count = Tensor.TotalCount, CancellationToken.None);
        return count;
    }
}
