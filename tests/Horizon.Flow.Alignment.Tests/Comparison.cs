using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>Trains with an objective on the graph, and with its formula on the dense model in fp64.</summary>
internal static class Comparison
{
    // Half a unit in the last place of fp32.
    private const double Rounding = 1.0 / (1 << 24);

    /// <summary>Losses within 1e-6, and what rounding sums of log-probabilities to fp32 once makes of them; parameters within 1e-5.</summary>
    /// <param name="case">The run; fp32.</param>
    /// <param name="objective">The objective.</param>
    /// <param name="steps">What is trained on, without the reference's column.</param>
    /// <param name="formula">The sum of a micro-batch's losses: the model's sums, lengths, and the reference's sums.</param>
    /// <param name="count">What a micro-batch's losses are averaged over.</param>
    public static async Task AssertDenseAsync(
        TrainingCase @case, IObjective objective, IReadOnlyList<IReadOnlyList<MicroBatch>> steps,
        Func<Tensor[], double[], double[], MicroBatch, Tensor> formula, Func<MicroBatch, long> count)
    {
        var initial = @case.Model.Parameters();
        var references = steps.SelectMany(step => step).ToDictionary(batch => batch.InputIds, batch => Dense.Reference(@case.Model.Config, initial, batch));
        var rounding = 0.0;
        using var dense = new DenseTrainer(@case.Model.Config, initial, new DenseOptions
        {
            Type = float64,
            Epsilon = 1e-4,
            MaxGradNorm = @case.Clip ? 0.5 : null,
            LossCount = count,
            LossSum = (logits, batch) =>
            {
                var (sums, lengths) = Dense.Sequences(logits, batch);
                var losses = formula(sums, lengths, references[batch.InputIds], batch);
                // Of all sums: the native call ends the process where one is not part of the losses.
                var slopes = autograd.grad([sums.Aggregate(losses, (all, sum) => all.Plus(sum.Times(0.0)))], sums, retain_graph: true);
                rounding += sums.Zip(slopes, (sum, slope) => Rounding * Math.Abs(sum.item<double>() * slope.item<double>())).Sum();
                return losses;
            },
        });
        var (reports, parameters) = await TrainAsync(@case, objective, steps);
        for (var step = 0; step < steps.Count; step++)
        {
            rounding = 0;
            var expected = dense.Step(steps[step]).Loss;
            var allowed = (1e-6 * Math.Max(1, Math.Abs(expected))) + (rounding / steps[step].Sum(count));
            Assert.True(Math.Abs(expected - reports[step].Loss) <= allowed, $"step {step + 1}: loss {reports[step].Loss:R}, the dense model's is {expected:R}");
        }

        Numbers.AssertClose(dense.Parameters, parameters, 1e-5);
    }

    /// <summary>Trains with an objective, on sequences whose reference is computed first.</summary>
    public static async Task<(IReadOnlyList<StepReport> Reports, Dictionary<string, float[]> Parameters)> TrainAsync(
        TrainingCase @case, IObjective objective, IReadOnlyList<IReadOnlyList<MicroBatch>> steps, Func<TrainingPlan, TrainingPlan>? rewire = null)
    {
        var plan = @case.Plan().WithObjective(objective);
        if (rewire is not null) plan = rewire(plan);
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        var reports = new List<StepReport>();
        var run = plan.Start(store, device);
        await using (run)
        {
            var reference = new ReferenceLogProbabilities();
            await reference.AddAsync(run, steps.SelectMany(step => step), together: 2);
            await foreach (var report in run.StepsAsync(steps.Select(step => step.Select(reference.Attach).ToList()), ahead: 1)) reports.Add(report);
        }

        Leaks.RequireNoLease(run);
        return (reports, StoreValues.Read(store));
    }
}
