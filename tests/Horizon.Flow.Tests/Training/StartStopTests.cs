using System.Diagnostics;
using Horizon.Flow.Host;
using Horizon.Flow.Models;
using Horizon.Flow.Tests.Reference;
using TorchSharp;

namespace Horizon.Flow.Tests.Training;

/// <summary>A run that has ended, however it ended, leaves nothing behind; tools/long-run starts and stops as often as one likes.</summary>
[CollectionDefinition(nameof(StartStopTests), DisableParallelization = true)] // Counts what the whole process holds.
[Collection(nameof(StartStopTests))]
public class StartStopTests
{
    private const int Rounds = 24;

    [Fact]
    public async Task StartAndStop_Often_LeavesNoTensorLeaseOrThread()
    {
        var @case = new TrainingCase(
            new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 3, 5, true, 3),
            Steps: 2, MicroBatches: 2, Clip: true, RecomputeInterval: 1, false, new Capacities(2, 2, 2, 2, 2, 2));
        // A model keeps the angles of its rotary embedding.
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        await RoundAsync(plan, @case, 2);
        var (tensors, threads) = Held();
        for (var round = 0; round < Rounds; round++)
        {
            await RoundAsync(plan, @case, round);
            Assert.Equal(tensors, Held().Tensors);
        }

        // The pool's own threads come and go; one that every run left behind would show.
        Assert.InRange(Held().Threads, 1, threads + Rounds - 1);
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
            var pending = await run.BeginStepAsync([.. step.Select(TrainingCase.Micro)]);
            if (round % 2 == 0) await pending.Report;
            else run.Abort();
            if (round % 2 != 0) break;
        }

        await run.DisposeAsync();
        Assert.All(run.Context.Pools, pool => Assert.Equal(0, pool.Outstanding));
    }

    private static (long Tensors, int Threads) Held()
    {
        // What other tests left to their finalizers must not end between two counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return (torch.Tensor.TotalCount, process.Threads.Count);
    }
}
