using FsCheck.Xunit;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests.Policies;

/// <summary>GRPO, DAPO, Dr. GRPO and GSPO against their papers' formulas on a dense model in fp64: losses within 1e-6, parameters after the steps within 1e-5.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class GrpoObjectiveTests
{
    [Cases(15)]
    public Task Grpo_IsDense(TrainingCase @case) => AssertAsync(@case, GrpoObjective.Grpo, (0.2, 0.2), beta: 0.04, answers: true);

    [Cases(15)]
    public Task Dapo_IsDense(TrainingCase @case) => AssertAsync(@case, GrpoObjective.Dapo, (0.2, 0.28), beta: 0, answers: false);

    [Cases(15)]
    public Task DrGrpo_IsDense(TrainingCase @case) => AssertAsync(@case, GrpoObjective.DrGrpo(16), (0.2, 0.2), beta: 0, answers: true, constant: 16);

    [Cases(15)]
    public Task Gspo_IsDense(TrainingCase @case) => AssertAsync(@case, GrpoObjective.Gspo, (3e-4, 4e-4), beta: 0, answers: true, bySequence: true);

    /// <summary>The parameters that gave the answers: every ratio is 1, nothing is clipped, and the gradient is that of the advantages times the log-probabilities.</summary>
    [Cases(15)]
    public async Task WithoutOld_IsThePolicyGradient(TrainingCase @case)
    {
        @case = @case with { Bf16 = false, Steps = 1 };
        var steps = Steps(@case, old: false);
        var (reports, parameters) = await Comparison.TrainAsync(@case, GrpoObjective.Dapo, steps);
        var metrics = ((IMeasuredObjective)GrpoObjective.Dapo).MetricsOf(reports[0]);
        Assert.Equal((1.0, 0.0), (metrics["ratio"], metrics["clipped"]));
        using var dense = new DenseTrainer(@case.Model.Config, @case.Model.Parameters(), new DenseOptions
        {
            Type = float64,
            Epsilon = 1e-4,
            MaxGradNorm = @case.Clip ? 0.5 : null,
            LossSum = (logits, batch) => Dense.Sequences(logits, batch).Sums.Zip(batch.Columns[GrpoObjective.AdvantageColumn])
                .Select(pair => pair.First.Times(-pair.Second)).Aggregate((left, right) => left.Plus(right)),
        });
        dense.Step(steps[0]);
        Numbers.AssertClose(dense.Parameters, parameters, 1e-5);
    }

    [Cases(100)]
    public void Advantages_AnyRewards_AreRelative(double[] numbers, bool scaled)
    {
        double[] rewards = [.. numbers.Where(double.IsFinite).Select(number => number % 10)];
        var advantages = GroupAdvantages.Of(rewards, scaled);
        Assert.Equal(rewards.Length, advantages.Count);
        if (rewards.Length == 0) return;
        Assert.Equal(0, advantages.Sum(), 1e-6);
        Assert.Equal(GroupAdvantages.Of([.. rewards.Select(reward => reward + 3)], scaled).Select(x => Math.Round(x, 6)), advantages.Select(x => Math.Round(x, 6)));
        if (rewards.Distinct().Count() == 1) Assert.All(advantages, advantage => Assert.Equal(0, advantage, 1e-6));
        Assert.Equal([-1 / (Math.Sqrt(2) + 1e-4), 1 / (Math.Sqrt(2) + 1e-4)], GroupAdvantages.Of([0, 2]));
    }

    [Fact]
    public void Count_WhatIsMissing_IsNamed()
    {
        var batch = new MicroBatch(2, 2, [1, 2, 3, 4], [2, 3, 4, 1], [0, 1, 0, 1]);
        Assert.Contains("no column 'advantage'", Assert.Throws<HorizonException>(() => GrpoObjective.Dapo.Count(batch)).Message, StringComparison.Ordinal);
        batch = batch.WithColumn(GrpoObjective.AdvantageColumn, [1, -1]);
        Assert.Equal((4, 2), (GrpoObjective.Dapo.Count(batch), GrpoObjective.Gspo.Count(batch)));
        Assert.Contains("no column 'reference'", Assert.Throws<HorizonException>(() => GrpoObjective.Grpo.Count(batch)).Message, StringComparison.Ordinal);
        Assert.Contains("has 1 numbers, not 4", Assert.Throws<HorizonException>(() => GrpoObjective.Dapo.Count(batch.WithColumn(GrpoObjective.OldColumn, [1]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new GrpoObjective { ClipLow = 1 });
    }

    // Advantages of either sign; old log-probabilities near those of the first parameters, so that some ratios are clipped and some are not.
    private static IReadOnlyList<MicroBatch>[] Steps(TrainingCase @case, bool old = true)
    {
        var initial = @case.Model.Parameters();
        using var dense = new DenseTrainer(@case.Model.Config, initial);
        return [.. Twos.Steps(@case).Select(step => step.Select(batch =>
        {
            var random = new Random(Seeds.Mix(@case.Model.Seed, batch.InputIds.Length));
            var given = batch.WithColumn(GrpoObjective.AdvantageColumn, [.. batch.LabelledBySequence.Select(_ => (float)((2 * random.NextDouble()) - 1))]);
            if (!old) return given;
            var logits = dense.Logits(batch.InputIds, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength);
            var vocabulary = @case.Model.Vocabulary;
            return given.WithColumn(GrpoObjective.OldColumn, [.. batch.LabelledPlaces.Select(place =>
            {
                var row = logits.AsSpan((int)place * vocabulary, vocabulary).ToArray();
                return (float)(row[batch.Targets[place]] - Math.Log(row.Sum(logit => Math.Exp(logit))) + (0.6 * (random.NextDouble() - 0.5)));
            })]);
        }).ToList())];
    }

    private static async Task AssertAsync(
        TrainingCase @case, GrpoObjective objective, (double Low, double High) clip, double beta, bool answers, double? constant = null, bool bySequence = false)
    {
        @case = @case with { Bf16 = false };
        var steps = Steps(@case);
        var initial = @case.Model.Parameters();
        var first = new Dictionary<long[], double[]>();
        using var start = new DenseTrainer(@case.Model.Config, initial, new DenseOptions { Type = float64 });
        foreach (var batch in steps.SelectMany(step => step))
        {
            using var scope = NewDisposeScope();
            var logits = tensor(start.Logits(batch.InputIds, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength)).to(float64).view(-1, @case.Model.Vocabulary);
            first[batch.InputIds] = [.. batch.LabelledPlaces.Select(place => logits[place].softmax(-1).log()[batch.Targets[place]].item<double>())];
        }

        using var dense = new DenseTrainer(@case.Model.Config, initial, new DenseOptions
        {
            Type = float64,
            Epsilon = 1e-4,
            MaxGradNorm = @case.Clip ? 0.5 : null,
            LossCount = batch => answers ? batch.LabelledBySequence.Count : batch.LabelledTokens,
            LossSum = (logits, batch) =>
            {
                var logProbabilities = logits.view(-1, logits.shape[^1]).softmax(-1).log();
                var (sum, at) = (zeros([], float64), 0);
                foreach (var (places, advantage) in Dense.LabelledPlaces(batch).Zip(batch.Columns[GrpoObjective.AdvantageColumn]))
                {
                    Tensor[] policy = [.. places.Select(place => logProbabilities[place, batch.Targets[place]])];
                    double[] old = [.. batch.Columns[GrpoObjective.OldColumn].Skip(at).Take(places.Count).Select(number => (double)number)];
                    Tensor[] ratios = [.. policy.Zip(old).Select(pair => pair.First.Minus(pair.Second).exp())];
                    if (bySequence) ratios = [.. ratios.Select(_ => policy.Zip(old).Select(pair => pair.First.Minus(pair.Second)).Aggregate((left, right) => left.Plus(right)).Over(places.Count).exp())];
                    var total = zeros([], float64);
                    for (var i = 0; i < policy.Length; i++)
                    {
                        var ratio = ratios[i].item<double>();
                        // min of both: the bound counts where it makes the gain smaller.
                        var isBound = advantage >= 0 ? ratio > 1 + clip.High : ratio < 1 - clip.Low;
                        var gain = isBound ? tensor((advantage >= 0 ? 1 + clip.High : 1 - clip.Low) * advantage, float64) : ratios[i].Times(advantage);
                        var d = policy[i].SubtractedFrom(first[batch.InputIds][at + i]);
                        total = total.Plus((d.exp() - d).Minus(1.0).Times(beta)) - gain;
                    }

                    sum = sum.Plus(constant is { } longest ? total.Over(longest) : answers ? total.Over(places.Count) : total);
                    at += places.Count;
                }

                return sum;
            },
        });
        var (reports, parameters) = await Comparison.TrainAsync(@case, objective, steps);
        for (var step = 0; step < steps.Length; step++)
        {
            var expected = dense.Step(steps[step]).Loss;
            Assert.True(Math.Abs(expected - reports[step].Loss) <= 1e-6 * Math.Max(1, Math.Abs(expected)), $"step {step + 1}: loss {reports[step].Loss:R}, the dense model's is {expected:R}");
        }

        Numbers.AssertClose(dense.Parameters, parameters, 1e-5);
    }
}
