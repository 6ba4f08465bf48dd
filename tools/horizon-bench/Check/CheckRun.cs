using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Trains a case with the public API, or as one dense autograd graph in double.</summary>
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
            await foreach (var report in run.StepsAsync(CheckData.Batches(@case), ahead: 1)) reports.Add(report);
        }
        finally
        {
            await run.DisposeAsync();
        }

        return new CheckOutcome(
            [.. reports.Select(report => report.Loss)], [.. reports.Select(report => report.GradientNorm)], [.. store.Units.Select(unit => StoreFill.Read(unit, workers))], run.LeasesReclaimed);
    }

    /// <summary>The same steps from the same start in fp64, with nothing of the code under test.</summary>
    public static CheckOutcome TrainDense(CheckCase @case)
    {
        var model = ModelFamilies.Define(@case.Config);
        using var store = TrainingPlan.For(model, @case.Options).CreateStore(StorePrecision.Fp32);
        using var workers = new HostWorkers();
        StoreFill.Fill(store, @case.Seed, workers);
        using var trainer = new DenseTrainer(@case.Config, StoreValues.Read(store), new DenseOptions
        {
            Type = ScalarType.Float64,
            LearningRate = CheckCase.LearningRate,
            Epsilon = CheckCase.Epsilon,
            MaxGradNorm = @case.MaximumNorm,
        });
        var steps = CheckData.Batches(@case).Select(step => trainer.Step(step)).ToList();
        var trained = trainer.Parameters;
        return new CheckOutcome(
            [.. steps.Select(step => step.Loss)],
            [.. steps.Select(step => step.GradNorm)],
            [.. store.Units.Select(unit => unit.Layout.Parameters.SelectMany(slot => trained[slot.TensorName]).ToArray())],
            LeasesReclaimed: 0);
    }
}
