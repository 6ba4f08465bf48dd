using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Training;

/// <summary>A stage that changes gradients cannot get round clipping or the guard against bad numbers, wherever it stands and whatever it says of sums.</summary>
public class ChangedGradientTests
{
    private static readonly TrainingCase Case = new(
        new ModelCase(2, 1, 2, 4, 8, 12, 11, true, false, false, false, false, null, RopeKind.Default, null, 2, 5, false, 3),
        1, 1, true, 1, false, new Capacities(2, 2, 2, 2, 2, 2));

    [Theory]
    [InlineData("download")]
    [InlineData("accumulate")]
    public async Task Clip_GradientsMadeTenTimesAsLarge_MoveTheWeightsNoFurtherThanAllowed(string after)
    {
        const double MaximumNorm = 0.01;
        var (report, moved) = await StepAsync(after, MaximumNorm, value => value * 10);
        var (plain, _) = await StepAsync(after, MaximumNorm, value => value);
        Assert.Equal(10 * plain.GradientNorm, report.GradientNorm, 1e-4 * report.GradientNorm);
        Assert.Equal(MaximumNorm, moved, 1e-4 * MaximumNorm); // SGD at rate 1: what is subtracted is the clipped gradient
    }

    [Theory]
    [InlineData("download", 0.5)]
    [InlineData("accumulate", 0.5)]
    [InlineData("clip", 0.5)]
    [InlineData("download", null)]
    [InlineData("accumulate", null)]
    [InlineData("clip", null)]
    public async Task Update_GradientsMadeNaN_AreSkippedAndLeaveTheWeightsAlone(string after, double? maximum)
    {
        var (report, moved) = await StepAsync(after, maximum, _ => float.NaN);
        Assert.True(report.Skipped);
        Assert.Contains("not finite", report.SkipReason!.Replace("norm is NaN", "not finite", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(0, moved);
    }

    [Fact]
    public async Task ChangeGradient_RenewsTheSum()
    {
        var sums = new System.Collections.Concurrent.ConcurrentDictionary<string, (double Told, double True)>();
        var plan = Plan(null).At(Stages.Accumulate).Tap("told", gradient => (gradient.UnitName, gradient.SumOfSquares!.Value, Sum(gradient)), seen => sums[seen.UnitName] = (seen.Item2, seen.Item3))
            .At(Stages.Accumulate).ChangeGradient("three times", (_, _, values) =>
            {
                for (var i = 0; i < values.Length; i++) values[i] *= 3;
            });
        await StepAsync(plan);
        Assert.NotEmpty(sums);
        Assert.All(sums.Values, sum => Assert.Equal(sum.True, sum.Told, 1e-9 * sum.True));
    }

    // The raw verb: the values change in place, and the message says nothing of it.
    private static async Task<(StepReport Report, double Moved)> StepAsync(string after, double? maximum, Func<float, float> change)
    {
        HostGradient Change(HostGradient gradient)
        {
            var values = new float[gradient.View.Count];
            gradient.View.Read(0, values);
            gradient.View.Write(0, [.. values.Select(change)]);
            return gradient;
        }

        var plan = Plan(maximum);
        return await StepAsync(after switch
        {
            "download" => plan.At(Stages.Download).InsertAfter("change", Change),
            "accumulate" => plan.At(Stages.Accumulate).InsertAfter("change", Change),
            _ => plan.At(Stages.Clip).InsertAfter("change", Change),
        });
    }

    private static TrainingPlan Plan(double? maximum) => TrainingPlan.For(ModelFamilies.Define(Case.Model.Config), Case.Options() with
    {
        Optimizer = OptimizerFactory.Create("sgd", new OptimizerOptions { Momentum = 0, WeightDecay = 0 }),
        LearningRate = _ => 1,
        MaxGradientNorm = maximum,
    });

    private static async Task<(StepReport Report, double Moved)> StepAsync(TrainingPlan plan)
    {
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, Case.Model.Parameters());
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var report = await (await run.BeginStepAsync(Case.Batches().First())).Report;
        var after = StoreValues.Read(store);
        return (report, Math.Sqrt(Case.Model.Parameters().Sum(pair => pair.Value.Zip(after[pair.Key], (old, now) => Math.Pow((double)now - old, 2)).Sum())));
    }

    private static double Sum(HostGradient gradient)
    {
        var values = new float[gradient.View.Count];
        gradient.View.Read(0, values);
        return values.Sum(value => (double)value * value);
    }
}
