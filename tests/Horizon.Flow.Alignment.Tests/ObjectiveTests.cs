using FsCheck.Xunit;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Devices;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>Objectives of one's own, and what a plan makes of them.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class ObjectiveTests
{
    // All that the next token takes when it is written as an objective of one's own.
    private sealed class NextToken : LogProbabilityObjective
    {
        public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch) => new(logProbabilities.neg().sum());
    }

    // Each label's cross-entropy has a weight that the micro-batch carries.
    private sealed class Weighted : LogProbabilityObjective
    {
        public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch) => new((logProbabilities * batch.Column("weight")).neg().sum());
    }

    private sealed class Constant : LogProbabilityObjective
    {
        public override ObjectiveLoss Loss(Tensor logProbabilities, DeviceBatch batch) => new(logProbabilities.detach().sum());
    }

    [Cases(25)]
    public async Task NextToken_IsThePlainLoss(TrainingCase @case)
    {
        @case = @case with { Bf16 = false };
        var (plain, written) = (await @case.TrainAsync(), await @case.TrainAsync(rewire: plan => plan.WithObjective(new NextToken())));
        foreach (var (one, other) in plain.Reports.Zip(written.Reports)) Assert.True(Math.Abs(one.Loss - other.Loss) <= 1e-6 * Math.Max(1, one.Loss), $"{one.Loss} {other.Loss}");
        Numbers.AssertClose(plain.Parameters, written.Parameters, 1e-5);
    }

    [Cases(10)]
    public async Task Column_WeighsLabels_AsDense(TrainingCase @case)
    {
        var random = new Random(@case.Model.Seed);
        IReadOnlyList<MicroBatch>[] steps = [.. Twos.Steps(@case).Select(step => step.Select(batch =>
            batch.WithColumn("weight", [.. batch.LabelledPlaces.Select(_ => (float)random.NextDouble())])).ToList())];
        using var dense = new DenseTrainer(@case.Model.Config, @case.Model.Parameters(), new DenseOptions
        {
            Type = float64,
            Epsilon = 1e-4,
            MaxGradNorm = @case.Clip ? 0.5 : null,
            LossSum = (logits, batch) => (logits.softmax(-1).log().view(-1, logits.shape[^1]).index_select(0, tensor(batch.LabelledPlaces))
                .gather(1, tensor(batch.LabelledPlaces.Select(place => batch.Targets[place]).ToArray()).unsqueeze(1)).squeeze(1) * tensor(batch.Columns["weight"])).sum().neg(),
        });
        var (reports, parameters) = await Comparison.TrainAsync(@case, new Weighted(), steps);
        for (var step = 0; step < steps.Length; step++) Assert.Equal(dense.Step(steps[step]).Loss, reports[step].Loss, 1e-6);
        Numbers.AssertClose(dense.Parameters, parameters, 1e-5);
    }

    /// <summary>A later micro-batch's own losses, gradients and log-probabilities: every pass of a run with an objective gives something.</summary>
    [Fact]
    public async Task Run_WithObjective_EvaluatesAndCollects()
    {
        var @case = TrainingCase.Small;
        var plan = @case.Plan().WithObjective(new SimpoObjective());
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var batches = Twos.Steps(@case)[0];
        var gradients = await run.GradientsAsync(batches);
        Assert.Equal(await run.EvaluateAsync(batches), gradients.Loss, 1e-12);
        Assert.Equal(batches[0].LabelledTokens, (await run.LogProbabilitiesAsync(batches))[0].Numbers.Length);
    }

    [Fact]
    public async Task Metrics_OfEveryStep_AreTheMeansOfAllPairs()
    {
        var @case = TrainingCase.Small with { Steps = 3 };
        var seen = new List<StepMetrics>();
        var steps = Twos.Steps(@case);
        var (reports, _) = await Comparison.TrainAsync(@case, new DpoObjective(), steps, plan => plan.WatchMetrics(seen.Add));
        Assert.Equal([1L, 2L, 3L], seen.Select(step => step.Step));
        Assert.All(seen, step => Assert.Equal(step.Values["rewards/margins"], step.Values["rewards/chosen"] - step.Values["rewards/rejected"], 1e-6));
        Assert.Equal(0, seen[0].Values["rewards/margins"], 1e-9);
        Assert.Equal(0, seen[0].Values["rewards/accuracies"]);
        Assert.All(seen, step => Assert.InRange(step.Values["rewards/accuracies"], 0, 1));
        Assert.Equal(3, reports.Count);
    }

    [Fact]
    public void WatchMetrics_WithoutAny_IsRefused()
    {
        Assert.Throws<InvalidOperationException>(() => TrainingCase.Small.Plan().WatchMetrics(_ => { }));
        Assert.Throws<InvalidOperationException>(() => TrainingCase.Small.Plan().WithObjective(new NextToken()).WatchMetrics(_ => { }));
    }

    [Fact]
    public void WithObjective_Twice_IsRefused() =>
        Assert.Throws<InvalidOperationException>(() => TrainingCase.Small.Plan().WithObjective(new NextToken()).WithObjective(new NextToken()));

    [Fact]
    public async Task Loss_WithoutItsColumn_SaysWhich()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => TrainingCase.Small.TrainAsync(rewire: plan => plan.WithObjective(new Weighted())));
        Assert.Contains("no column 'weight'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loss_ThatDependsOnNothing_IsNamed()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => TrainingCase.Small.TrainAsync(rewire: plan => plan.WithObjective(new Constant())));
        Assert.Contains("Constant", error.Message, StringComparison.Ordinal);
    }
}
