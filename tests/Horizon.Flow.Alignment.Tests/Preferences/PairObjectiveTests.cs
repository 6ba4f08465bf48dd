using FsCheck.Xunit;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests.Preferences;

/// <summary>Every objective over pairs against its paper's formula on a dense model in fp64: losses within 1e-6, parameters after the steps within 1e-5.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class PairObjectiveTests
{
    private const double Beta = 0.3;

    // What a pair is: sums w and l, lengths, and the reference's sums.
    private sealed record Pair(Tensor W, Tensor L, double LengthW, double LengthL, double ReferenceW, double ReferenceL)
    {
        public Tensor Margin => W.Minus(ReferenceW) - L.Minus(ReferenceL);

        public Tensor MeanMargin => W.Minus(ReferenceW).Over(LengthW) - L.Minus(ReferenceL).Over(LengthL);
    }

    [Cases(15)]
    public Task Dpo_Sigmoid_IsDense(TrainingCase @case) => AssertAsync(@case, new DpoObjective { Beta = Beta }, pair => LogSigmoid(pair.Margin.Times(Beta)).neg());

    [Cases(10)]
    public Task Dpo_SigmoidSmoothed_IsDense(TrainingCase @case) => AssertAsync(
        @case, new DpoObjective { Beta = Beta, LabelSmoothing = 0.1 },
        pair => LogSigmoid(pair.Margin.Times(Beta)).Times(-0.9).Plus(LogSigmoid(pair.Margin.Times(-Beta)).Times(-0.1)));

    [Cases(10)]
    public Task Dpo_LengthNormalised_IsDense(TrainingCase @case) => AssertAsync(
        @case, new DpoObjective { Beta = Beta, LengthNormalised = true }, pair => LogSigmoid(pair.MeanMargin.Times(Beta)).neg());

    /// <summary>With the target near the margins: far from it the slope of the square, and with it the error of fp32 after a step, is many times the other losses'.</summary>
    [Cases(10)]
    public Task Dpo_Ipo_IsDense(TrainingCase @case) => AssertAsync(
        @case, new DpoObjective { Kind = DpoLoss.Ipo, Beta = 2 }, pair => pair.Margin.Minus(0.25).Squared());

    [Cases(10)]
    public Task Dpo_Hinge_IsDense(TrainingCase @case) => AssertAsync(
        @case, new DpoObjective { Kind = DpoLoss.Hinge, Beta = Beta }, pair => pair.Margin.Times(Beta).SubtractedFrom(1.0).With(0.0, (x, zero) => x.clamp_min(zero)));

    [Cases(10)]
    public Task Dpo_Robust_IsDense(TrainingCase @case) => AssertAsync(
        @case, new DpoObjective { Kind = DpoLoss.Robust, Beta = Beta, LabelSmoothing = 0.2 },
        pair => LogSigmoid(pair.Margin.Times(Beta)).Times(-0.8).Plus(LogSigmoid(pair.Margin.Times(-Beta)).Times(0.2)).Over(0.6));

    [Cases(10)]
    public Task Simpo_IsDense(TrainingCase @case) => AssertAsync(
        @case, new SimpoObjective { Beta = 2.5, Margin = 0.7 },
        pair => LogSigmoid((pair.W.Times(2.5 / pair.LengthW) - pair.L.Times(2.5 / pair.LengthL)).Minus(0.7)).neg());

    [Cases(10)]
    public Task Cpo_IsDense(TrainingCase @case) => AssertAsync(
        @case, new CpoObjective { Beta = Beta }, pair => LogSigmoid((pair.W - pair.L).Times(Beta)).neg() - pair.W);

    [Cases(10)]
    public Task Orpo_IsDense(TrainingCase @case) => AssertAsync(@case, new OrpoObjective { Lambda = 0.4 }, pair =>
    {
        var (w, l) = (pair.W.Over(pair.LengthW).exp(), pair.L.Over(pair.LengthL).exp());
        var (oddsW, oddsL) = (w / w.SubtractedFrom(1.0), l / l.SubtractedFrom(1.0));
        return pair.W.Over(-pair.LengthW) - LogSigmoid((oddsW / oddsL).log()).Times(0.4);
    });

    /// <summary>A preferred answer of probability 1 has infinite odds: no loss is left, and the slope is -1 - λ odds of the other.</summary>
    [Fact]
    public void Orpo_CertainAnswer_HasALossAndASlope()
    {
        using var scope = NewDisposeScope();
        using var chosen = zeros(1, float64).requires_grad_();
        var one = ones(1, float64);
        var loss = new OrpoObjective { Lambda = 0.4 }.Loss(new SequencePairs(chosen, one.Times(Math.Log(0.25)), one, one, null, null)).Losses;
        Assert.Equal(0, loss.item<double>(), 1e-12);
        Assert.Equal(-1 - (0.4 / 3), autograd.grad([loss.sum()], [chosen])[0].item<double>(), 1e-12);
    }

    [Cases(15)]
    public async Task Dpo_FirstStep_LosesLnTwo(TrainingCase @case)
    {
        @case = @case with { Steps = 1 };
        var (reports, _) = await Comparison.TrainAsync(@case, new DpoObjective(), Twos.Steps(@case));
        Assert.Equal(Math.Log(2), reports[0].Loss, 1e-7);
    }

    [Fact]
    public void Settings_OutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DpoObjective { Beta = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DpoObjective { LabelSmoothing = 0.5 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SimpoObjective { Margin = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CpoObjective { LikelihoodWeight = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => new OrpoObjective { Lambda = double.PositiveInfinity });
    }

    [Fact]
    public void Count_WhatIsNoPair_IsRefused()
    {
        var batch = new MicroBatch(2, 2, [1, 2, 3, 4], [2, 3, 4, 1], [0, 1, 0, 1]);
        Assert.Equal(1, new SimpoObjective().Count(batch));
        Assert.Contains("no column 'reference'", Assert.Throws<HorizonException>(() => new DpoObjective().Count(batch)).Message, StringComparison.Ordinal);
        Assert.Contains("has 3 numbers, not 4", Assert.Throws<HorizonException>(() => new DpoObjective().Count(batch.WithColumn("reference", [1, 2, 3]))).Message, StringComparison.Ordinal);
        Assert.Contains("1 sequences", Assert.Throws<HorizonException>(() => new SimpoObjective().Count(new(1, 2, [1, 2], [2, 3], [0, 1]))).Message, StringComparison.Ordinal);
        Assert.Contains("sequence 2", Assert.Throws<HorizonException>(() => new SimpoObjective().Count(new(2, 2, [1, 2, 3, 4], [2, 3, -100, -100], [0, 1, 0, 1]))).Message, StringComparison.Ordinal);
        Assert.Contains("has none", Assert.Throws<HorizonException>(() => new DpoObjective { Kind = DpoLoss.Ipo, LabelSmoothing = 0.1 }.Count(batch)).Message, StringComparison.Ordinal);
    }

    private static Task AssertAsync(TrainingCase @case, PairObjective objective, Func<Pair, Tensor> formula)
    {
        @case = @case with { Bf16 = false };
        return Comparison.AssertDenseAsync(
            @case, objective, Twos.Steps(@case),
            (sums, lengths, reference, _) => Enumerable.Range(0, sums.Length / 2)
                .Select(i => formula(new Pair(sums[2 * i], sums[(2 * i) + 1], lengths[2 * i], lengths[(2 * i) + 1], reference[2 * i], reference[(2 * i) + 1])))
                .Aggregate((left, right) => left.Plus(right)),
            batch => Twos.CountOf(batch));
    }

    private static Tensor LogSigmoid(Tensor x) => x.neg().exp().Plus(1.0).log().neg();
}
