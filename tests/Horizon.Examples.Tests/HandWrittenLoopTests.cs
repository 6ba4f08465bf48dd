using Horizon.Flow;
using Horizon.Flow.Graph;

namespace Horizon.Examples.Tests;

public class HandWrittenLoopTests
{
    [Fact]
    public async Task RunAsync_HandWrittenLoop_IsBitwiseThePlan()
    {
        var (byHand, byPlan) = await HandWrittenLoopExample.RunAsync(TextWriter.Null, steps: 6);
        Assert.True(byHand.IsBitwise(byPlan));
        Assert.True(byPlan.LastLoss < byPlan.Reports[0].Loss);
    }

    [Fact]
    public async Task TrainAsync_StageFails_EndsWithItsError()
    {
        using var store = Tiny.CreateStore(TrainingPlan.For(Tiny.Model, Tiny.Options));
        var good = Tiny.Steps(1).Single()[0];
        var bad = new MicroBatch(good.Rows, good.SequenceLength, [.. good.InputIds.Select(_ => 1000L)], good.Targets, good.Positions);
        var fault = await Assert.ThrowsAsync<StageException>(() =>
            HandWrittenLoopExample.TrainAsync(Tiny.Model, Tiny.Options, store, [good, bad, good, good]));
        Assert.Equal(("forward", 2, "embedding"), (fault.Stage, fault.Step, fault.UnitName));
    }
}
