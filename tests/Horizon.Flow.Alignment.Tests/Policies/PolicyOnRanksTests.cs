using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Distributed.Tests;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Alignment.Tests.Policies;

/// <summary>N ranks of one process that draw answers and learn from them are one rank that does, over models, numbers of ranks, groups, micro-batches and objectives.</summary>
public class PolicyOnRanksTests
{
    public static Arbitrary<PolicyCase> Cases() =>
        (from training in TrainingCases.Training().Generator
         from ranks in Gen.Choose(1, 4)
         from prompts in Gen.Choose(1, 3)
         from @group in Gen.Choose(2, 4)
         from each in Gen.Choose(1, 4)
         from objective in Gen.Choose(0, 3)
         from seed in Gen.Choose(0, 1000)
         select new PolicyCase(training with { Bf16 = false }, ranks, prompts, @group, each, objective, seed)).ToArbitrary();

    [Cases(40, Arbitrary = [typeof(PolicyOnRanksTests)])]
    public async Task Train_OnRanks_IsThatOfOneRank(PolicyCase random)
    {
        var one = (await random.TrainAsync(null))[0];
        var many = await random.TrainAsync(random.Ranks);
        // A draw hangs on its place alone, and a part of a pass is the same whoever computes it.
        Assert.All(many, rank => Assert.Equal(one.Answers, rank.Answers));
        Assert.All(many, rank => Assert.Equal(one.LogProbabilities, rank.LogProbabilities));
        Assert.All(many, rank => Assert.Equal(one.Loss, rank.Loss, 1e-6));
        Numbers.AssertClose(one.Parameters, many[0].Parameters, 1e-6);
    }

    /// <param name="Training">The model, and how it is trained.</param>
    /// <param name="Ranks">How many.</param>
    /// <param name="Prompts">Prompts of the step.</param>
    /// <param name="Group">Answers to each.</param>
    /// <param name="Each">Answers of a micro-batch.</param>
    /// <param name="Objective">Which of four.</param>
    /// <param name="Seed">Of the draws.</param>
    public sealed record PolicyCase(TrainingCase Training, int Ranks, int Prompts, int Group, int Each, int Objective, int Seed)
    {
        private int MicroBatches => ((Prompts * Group) + Each - 1) / Each;

        private GrpoObjective Policy => Objective switch { 0 => GrpoObjective.Dapo, 1 => GrpoObjective.Gspo, 2 => GrpoObjective.DrGrpo(3), _ => new GrpoObjective() };

        /// <summary>Each rank's outcome; of one without ranks where there is no number of them.</summary>
        internal async Task<Outcome[]> TrainAsync(int? ranks)
        {
            var sides = ranks is { } count ? HostCollectives.CreateLocal(count) : null;
            var own = Training with { MicroBatches = (MicroBatches + (ranks ?? 1) - 1) / (ranks ?? 1) };
            List<TrainingPlan> plans = [.. Enumerable.Range(0, ranks ?? 1).Select(rank => own.Plan().WithObjective(Policy) is var plan && sides is not null ? plan.Distribute(sides[rank]) : plan)];
            List<ParameterStore> stores = [.. plans.Select(plan => plan.CreateStore(StorePrecision.Fp32))];
            try
            {
                for (var rank = 0; rank < stores.Count; rank++) SliceValues.Write(plans[rank], stores[rank], rank, stores.Count, Training.Model.Parameters());
                var told = await Task.WhenAll(stores.Select((store, rank) => Task.Run(() => LearnAsync(plans[rank], store, sides?[rank]))));
                var parameters = SliceValues.Join(plans[0], stores);
                return [.. told.Select(rank => rank with { Parameters = parameters })];
            }
            finally
            {
                foreach (var store in stores) store.Dispose();
            }
        }

        private async Task<Outcome> LearnAsync(TrainingPlan plan, ParameterStore store, ICollectives? side)
        {
            using var device = new CpuDevice(threads: 1);
            await using var run = plan.Start(store, device);
            var vocabulary = plan.Model.VocabularySize;
            var sampler = new StreamedSampler(run, new() { Answers = Group, MaxTokens = 3, Together = Each, EndIds = [vocabulary - 1, vocabulary - 2] }, side);
            var rollouts = await sampler.SampleAsync([.. Enumerable.Range(0, Prompts).Select(prompt => (int[])[prompt % vocabulary, 1])], Seed);
            var old = await RolloutLogProbabilities.ComputeAsync(run, rollouts, Each, side);
            GradedRollout[] graded = [.. rollouts.Zip(old, (rollout, numbers) => new GradedRollout(rollout, rollout.AnswerIds.Sum() % 3) { OldLogProbabilities = numbers })];
            var batches = RolloutBatches.Of(graded, RolloutBatches.Advantages(rollouts, [.. graded.Select(one => one.Reward)]), Each);
            var step = await (await run.BeginStepAsync(RankShare.For(side).Of(Enumerable.Range(0, batches.Count), number => batches[number]))).Report;
            return new Outcome([.. rollouts.Select(rollout => string.Join(' ', rollout.AnswerIds))], [.. old.SelectMany(numbers => numbers)], step.Loss, []);
        }
    }

    internal sealed record Outcome(List<string> Answers, List<float> LogProbabilities, double Loss, Dictionary<string, float[]> Parameters);
}
