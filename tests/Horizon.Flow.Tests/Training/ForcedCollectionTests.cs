using Horizon.Flow.Models;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Training;

/// <summary>
/// Whatever a step hands to native code lives until the call returns: finalizers that run at every moment change nothing. `horizon-soak` does
/// as many steps as one likes.
/// </summary>
public class ForcedCollectionTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Train_WhileAnotherThreadCollectsAndFinalizes_GivesTheSameBits(bool bf16)
    {
        var @case = new TrainingCase(
            new ModelCase(2, 1, 2, 4, 8, 12, 11, true, true, false, false, true, 3, RopeKind.Llama3, 2, 3, 5, true, 3),
            Steps: 20, MicroBatches: 2, Clip: true, RecomputeInterval: 2, bf16, new Capacities(2, 2, 2, 2, 2, 1));
        var quiet = await @case.TrainAsync();

        using var ended = new CancellationTokenSource();
        var collections = Task.Run(() =>
        {
            var count = 0;
            for (; count < 100_000 && !ended.IsCancellationRequested; count++)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }

            return count;
        });
        TrainingOutcome disturbed;
        try
        {
            disturbed = await @case.TrainAsync();
        }
        finally
        {
            await ended.CancelAsync();
        }

        Assert.True(await collections > 0);
        Assert.True(quiet.IsBitwise(disturbed));
    }
}
