using Horizon.Flow.Host;
using Horizon.Flow.Models;

namespace Horizon.Flow.Bench;

/// <summary>Trains a case with the public API.</summary>
internal static class CheckRun
{
    public static async Task<CheckOutcome> TrainAsync(CheckCase @case, IComputeDevice device, StorePrecision precision, bool poisoned = false)
    {
        var model = ModelFamilies.Define(@case.Config);
        var plan = TrainingPlan.For(poisoned ? Poison.Wrap(model) : model, @case.Options);
        using var store = plan.CreateStore(precision);
        using var workers = new HostWorkers();
        StoreFill.Fill(store, @case.Seed, workers);
        var run = plan.Start(store, device);
        var reports = new List<StepReport>();
        try
        {
            await foreach (var report in run.StepsAsync(CheckData.Batches(@case))) reports.Add(report);
        }
        finally
        {
            await run.DisposeAsync();
        }

        return new CheckOutcome(
            [.. reports.Select(report => report.Loss)], [.. reports.Select(report => report.GradientNorm)], [.. store.Units.Select(unit => StoreFill.Read(unit, workers))], run.LeasesReclaimed);
    }
}
