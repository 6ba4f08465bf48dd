using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Devices;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>N ranks with a micro-batch each are one rank with N of them.</summary>
public class SameRunTests
{
    public static Arbitrary<RankCase> RankCases() =>
        (from training in TrainingCases.Training().Generator
         from ranks in Gen.Choose(1, 4)
         from accumulation in Gen.Choose(1, 2)
         from prefetch in Gen.Choose(0, 2)
         from frozen in Gen.Frequency((2, Gen.Constant(-1)), (1, Gen.Choose(0, 4)))
         select new RankCase(training with { MicroBatches = ranks * accumulation }, ranks, prefetch, frozen)).ToArbitrary();

    [Cases(60, Arbitrary = [typeof(SameRunTests)])]
    public async Task Training_OnRanks_IsThatOfOneRankWithAsManyMicroBatches(RankCase random)
    {
        var one = await random.Training.TrainAsync(rewire: random.Freeze, device: () => new CpuDevice(1));
        var ranks = await random.OnRanks.TrainAsync();
        for (var step = 0; step < one.Reports.Count; step++)
        {
            Assert.All(ranks, rank => Assert.Equal(one.Reports[step].Loss, rank.Reports[step].Loss, 1e-6 * Math.Abs(one.Reports[step].Loss)));
            Assert.All(ranks, rank => Assert.Equal(one.Reports[step].GradientNorm, rank.Reports[step].GradientNorm, 1e-5 * one.Reports[step].GradientNorm));
            Assert.All(ranks, rank => Assert.Equal(one.Reports[step].Tokens, rank.Reports[step].Tokens));
        }

        Numbers.AssertClose(one.Parameters, ranks[0].Parameters, 1e-6);
    }

    [Cases(20, Arbitrary = [typeof(SameRunTests)])]
    public async Task Training_OnTheSameRanksAgain_GivesTheSameBits(RankCase random)
    {
        var (first, again) = (await random.OnRanks.TrainAsync(), await random.OnRanks.TrainAsync());
        Assert.True(first[0].IsBitwise(again[0]));
        Assert.All(first, rank => Assert.True(rank.IsBitwise(first[0])));
    }

    [Cases(20, Arbitrary = [typeof(SameRunTests)])]
    public async Task Training_OnRanksWithOneGradientEachAndNoClipping_HasTheBitsOfOneRank(RankCase random)
    {
        // Sums over ranks come in the order in which one rank accumulates.
        var plain = random with { Training = random.Training with { Clip = false, MicroBatches = random.Ranks, Model = random.Training.Model with { Tied = false } } };
        var (one, ranks) = (await plain.Training.TrainAsync(rewire: plain.Freeze, device: () => new CpuDevice(1)), await plain.OnRanks.TrainAsync());
        Assert.All(one.Parameters, pair => Assert.Equal(pair.Value, ranks[0].Parameters[pair.Key]));
    }

    public sealed record RankCase(TrainingCase Training, int Ranks, int Prefetch, int Frozen)
    {
        internal RankTraining OnRanks => new(Training, Ranks) { Prefetch = Prefetch, Rewire = Freeze };

        // Never all of them.
        public TrainingPlan Freeze(TrainingPlan plan) => Frozen < 0 || plan.Model.Units.Count == 1 ? plan
            : plan.Freeze(unit => unit.Name == plan.Model.Units[Frozen % plan.Model.Units.Count].Name);
    }
}
