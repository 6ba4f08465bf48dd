using System.Collections.Concurrent;
using FsCheck.Xunit;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Tests.Training;

/// <summary>A tied unit gets gradients from two stages; their order is that of the visits however long one of them takes to get on.</summary>
public class GradientOrderTests
{
    private const int Patience = 50_000;

    [Property(MaxTest = 5, Arbitrary = [typeof(TrainingCase.Cases)])]
    public async Task Run_LastGradientIsSlow_TheNextMicroBatchDoesNotOvertakeIt(TrainingCase @case)
    {
        var tied = @case with { Model = @case.Model with { Tied = true }, MicroBatches = 3, Steps = 2 };
        var (heads, order) = (0, new ConcurrentQueue<(long Step, int MicroBatch, bool IsHead)>());
        var slow = await tied.TrainAsync(rewire: plan => plan
            .At(Stages.Head).InsertAfter("count heads", gradient =>
            {
                Interlocked.Increment(ref heads);
                return gradient;
            })
            .At(Stages.Backward).InsertAfter("dawdle", (_, stage) => new StageBlock<DeviceGradient, DeviceGradient>(stage, async (gradient, _) =>
            {
                // As long as a thread may be kept from its work, unless the next head has overtaken it already.
                var before = Volatile.Read(ref heads);
                for (var i = 0; gradient.Visit.ClosesMicroBatch && i < Patience && Volatile.Read(ref heads) == before; i++) await Task.Yield();
                return gradient;
            }))
            .At(Stages.Download).InsertAfter("order", gradient =>
            {
                if (gradient.Visit.Unit == 0) order.Enqueue((gradient.Step, gradient.Visit.MicroBatch.Index, gradient.Visit.Pass == UnitPass.Head));
                return gradient;
            }));
        Assert.Equal(from step in new long[] { 1, 2 } from microBatch in Enumerable.Range(0, 3) from isHead in new[] { true, false } select (step, microBatch, isHead), order);
        Assert.True((await tied.TrainAsync()).IsBitwise(slow));
    }
}
