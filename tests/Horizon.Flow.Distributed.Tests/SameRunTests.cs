using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Blocks;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>N ranks with a micro-batch each are one rank with N of them: with every update rule, adapters, frozen units, tied heads, experts.</summary>
public class SameRunTests
{
    private static readonly string[] Rules = ["adamw", "adamw8bit", "lion", "sgd", "muon", "adafactor"];

    public static Arbitrary<RankCase> RankCases() =>
        (from training in TrainingCases.Training().Generator
         from ranks in Gen.Choose(1, 4)
         from accumulation in Gen.Choose(1, 2)
         from prefetch in Gen.Choose(0, 2)
         from frozen in Gen.Frequency((2, Gen.Constant(-1)), (1, Gen.Choose(0, 4)))
         from rule in Gen.Elements(Rules)
         from adapter in Gen.Elements(0, 0, 1, 3)
         select new RankCase(training with { Model = Seeing(training.Model, rule), MicroBatches = ranks * accumulation }, ranks, prefetch, adapter > 0 ? -1 : frozen, rule, adapter)).ToArbitrary();

    [Cases(60, Arbitrary = [typeof(SameRunTests)])]
    public async Task Training_OnRanks_IsThatOfOneRankWithAsManyMicroBatches(RankCase random)
    {
        var (one, ranks) = (await random.OnRanks.AloneAsync(), await random.OnRanks.TrainAsync());
        for (var step = 0; step < one.Reports.Count; step++)
        {
            Assert.All(ranks, rank => Assert.Equal(one.Reports[step].Loss, rank.Reports[step].Loss, random.Tolerance * Math.Abs(one.Reports[step].Loss)));
            Assert.All(ranks, rank => Assert.Equal(one.Reports[step].GradientNorm, rank.Reports[step].GradientNorm, 10 * random.Tolerance * one.Reports[step].GradientNorm));
            Assert.All(ranks, rank => Assert.Equal(one.Reports[step].Tokens, rank.Reports[step].Tokens));
        }

        Numbers.AssertClose(one.Parameters, ranks[0].Parameters, random.Tolerance);
    }

    [Cases(20, Arbitrary = [typeof(SameRunTests)])]
    public async Task Training_OnTheSameRanksAgain_GivesTheSameBits(RankCase random)
    {
        var (first, again) = (await random.OnRanks.TrainAsync(), await random.OnRanks.TrainAsync());
        Assert.True(first[0].IsBitwise(again[0]));
        Assert.All(first, rank => Assert.True(rank.IsBitwise(first[0])));
    }

    [Cases(40, Arbitrary = [typeof(SameRunTests)])]
    public async Task Training_OnRanksWithOneGradientEachAndNoClipping_HasTheBitsOfOneRank(RankCase random)
    {
        // Sums over ranks come in the order in which one rank accumulates.
        var plain = random with { Training = random.Training with { Clip = false, MicroBatches = random.Ranks, Model = random.Training.Model with { Tied = false } } };
        var (one, ranks) = (await plain.OnRanks.AloneAsync(), await plain.OnRanks.TrainAsync());
        Assert.All(one.Parameters, pair => Assert.Equal(pair.Value, ranks[0].Parameters[pair.Key]));
    }

    /// <summary>Experts are parameters of their layer's unit, or of units of their own, and are cut as these are; a router's counts are those of its micro-batch.</summary>
    [Theory]
    [InlineData(1, "adamw", 1)]
    [InlineData(2, "muon", 1)]
    [InlineData(3, "adamw8bit", 1)]
    [InlineData(4, "adafactor", 1)]
    [InlineData(2, "adamw", 2)]
    [InlineData(3, "muon", 4)]
    public async Task Training_OfExpertsOnRanks_HasTheBitsOfOneRank(int ranks, string rule, int parts)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "config.json"), """
            {"architectures":["Qwen3MoeForCausalLM"],"vocab_size":11,"hidden_size":8,"intermediate_size":12,"moe_intermediate_size":6,"num_hidden_layers":2,"num_attention_heads":2,
            "num_key_value_heads":1,"head_dim":4,"num_experts":4,"num_experts_per_tok":2,"max_position_embeddings":64,"rms_norm_eps":1e-3,"norm_topk_prob":true,"tie_word_embeddings":false}
            """);
        var training = TrainingCase.Small with { Clip = false, MicroBatches = ranks, Model = TrainingCase.Small.Model with { Tied = false } };
        var experts = new RankTraining(training, ranks) { Config = ModelFolder.ReadConfig(folder.Path) with { ExpertParts = parts }, Rewire = plan => plan.With(options => options with { Optimizer = UpdateRules.Create(rule) }) };
        var (one, many) = (await experts.AloneAsync(), await experts.TrainAsync());
        Assert.All(one.Parameters, pair => Assert.Equal(pair.Value, many[0].Parameters[pair.Key]));
        Assert.Equal(one.Reports.Select(report => report.Loss), many[^1].Reports.Select(report => report.Loss));
    }

    // Where a token sees itself alone, queries and keys have no gradient but rounding, which these rules make as large as any other.
    private static ModelCase Seeing(ModelCase model, string rule) =>
        rule is "adamw" or "sgd" ? model : model with { Window = model.Window is { } window ? Math.Max(window, 2) : null, Sequence = Math.Max(model.Sequence, 2) };

    public sealed record RankCase(TrainingCase Training, int Ranks, int Prefetch, int Frozen, string Rule, int Adapter)
    {
        // An orthogonal matrix, a block's code or a sign moves by more than the gradient's last bit does.
        public double Tolerance => Rule is "adamw" or "sgd" ? 1e-6 : Rule is "adafactor" ? 1e-5 : 1e-3;

        internal RankTraining OnRanks => new(Training, Ranks)
        {
            Prefetch = Prefetch, Rewire = Wire, Config = Training.Model.Config with { Adapter = Adapter == 0 ? null : new AdapterConfig(Adapter, 2, [AdapterConfig.AllLinear]) },
        };

        // Never all of them.
        private TrainingPlan Wire(TrainingPlan plan)
        {
            if (Rule != "adamw") plan = plan.With(options => options with { Optimizer = UpdateRules.Create(Rule, new OptimizerOptions { WeightDecay = 0.1 }) });
            if (Adapter > 0) return plan.Freeze(unit => unit.Trained.ElementCount == 0);
            return Frozen < 0 || plan.Model.Units.Count == 1 ? plan : plan.Freeze(unit => unit.Name == plan.Model.Units[Frozen % plan.Model.Units.Count].Name);
        }
    }
}
