using System.Collections.Concurrent;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>A tied unit gets gradients from two stages; their order is that of the visits however long one of them takes to get on.</summary>
public class GradientOrderTests
{
    private const int Patience = 5_000;

    [Cases(5, Arbitrary = [typeof(TrainingCases)])]
    public async Task Run_LastGradientIsSlow_TheNextMicroBatchDoesNotOvertakeIt(TrainingCase @case)
    {
        var tied = @case with { Model = @case.Model with { Tied = true }, MicroBatches = 3, Steps = 2 };
        var order = new ConcurrentQueue<(long Step, int MicroBatch, string Op)>();
        var slow = await tied.TrainAsync(rewire: plan => plan
            .OutOfJoin(Stages.Download).Insert("dawdle", (_, stage) => new StageBlock<DeviceGradient, DeviceGradient>(stage, async (gradient, _) =>
            {
                for (var i = 0; gradient.Visit.Layer == 0 && i < Patience; i++) await Task.Yield(); // as long as a thread may be kept from its work
                return gradient;
            }))
            .At(Stages.Download).InsertAfter("order", gradient =>
            {
                if (gradient.Visit.Unit == 0) order.Enqueue((gradient.Step, gradient.Visit.MicroBatch, gradient.Visit.Op));
                return gradient;
            }));
        Assert.Equal(from step in new long[] { 1, 2 } from microBatch in Enumerable.Range(0, 3) from op in new[] { Ops.Head, Ops.Backward } select (step, microBatch, op), order);
        Assert.True((await tied.TrainAsync()).IsBitwise(slow));
    }
}
