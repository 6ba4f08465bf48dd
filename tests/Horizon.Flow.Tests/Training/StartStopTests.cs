using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Training;

/// <summary>A run that has ended, however it ended, leaves nothing behind; `horizon-soak` starts and stops as often as one likes.</summary>
[CollectionDefinition(nameof(StartStopTests), DisableParallelization = true)] // Counts what the whole process holds.
[Collection(nameof(StartStopTests))]
public class StartStopTests
{
    [Fact]
    public async Task StartAndStop_Often_LeavesNoTensorLeaseOrThread()
    {
        var @case = new TrainingCase(
            new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 3, 5, true, 3),
            Steps: 2, MicroBatches: 2, Clip: true, RecomputeInterval: 1, false, new Capacities(2, 2, 2, 2, 2, 2));
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        await Leaks.RequireNoneAsync(round => RoundAsync(plan, @case, round));
    }

    // Ends after its steps, in the midst of one, or before the first.
    private static async Task RoundAsync(TrainingPlan plan, TrainingCase @case, int round)
    {
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Model.Parameters());
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        foreach (var step in @case.Batches().Take(round % 3))
        {
            var pending = await run.BeginStepAsync(step);
            if (round % 2 == 0) await pending.Report;
            else run.Abort();
            if (round % 2 != 0) break;
        }

        await run.DisposeAsync();
        Leaks.RequireLeasesBack(run);
    }
}
