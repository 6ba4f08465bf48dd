using FsCheck.Xunit;
using Horizon.Flow.Accounting;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests.Rewards;

/// <summary>A reward model against a dense one in fp64, whose score is the first row of an output projection: losses within 1e-6, parameters within 1e-5.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class RewardObjectiveTests
{
    private const string Head = "lm_head.weight";

    [Cases(20)]
    public async Task Train_AnyModel_IsDense(TrainingCase @case, bool centred)
    {
        var steps = Steps(@case = @case with { Bf16 = false });
        var objective = new RewardObjective { Centering = centred ? 0.3 : 0 };
        var untied = @case.Model with { Tied = false };
        var initial = untied.Parameters();
        using var dense = new DenseTrainer(untied.Config, initial, new DenseOptions
        {
            Type = float64,
            Epsilon = 1e-4,
            MaxGradNorm = @case.Clip ? 0.5 : null,
            LossCount = batch => batch.LabelledBySequence.Count / 2,
            LossSum = (logits, batch) =>
            {
                var scores = logits.view(-1, logits.shape[^1]).select(1, 0).index_select(0, tensor(LastTokens(batch))).view(-1, 2);
                var (better, worse) = (scores.select(1, 0), scores.select(1, 1));
                return (worse - better).exp().Plus(1.0).log().Plus(better.Plus(worse).Squared().Times(objective.Centering)).sum();
            },
        });
        var (reports, parameters) = await TrainAsync(@case, objective, steps, initial);
        for (var step = 0; step < steps.Length; step++)
        {
            var expected = dense.Step(steps[step]).Loss;
            Assert.True(Math.Abs(expected - reports[step].Loss) <= 1e-6 * Math.Max(1, Math.Abs(expected)), $"step {step + 1}: loss {reports[step].Loss:R}, the dense model's is {expected:R}");
        }

        var rows = dense.Parameters.ToDictionary(pair => pair.Key == Head ? RewardModel.Score : pair.Key, pair => pair.Key == Head ? pair.Value[..untied.Hidden] : pair.Value);
        Numbers.AssertClose(rows, parameters, 1e-5);
    }

    /// <summary>Scores, without a step: those of the dense model, whatever else lies in the micro-batch.</summary>
    [Cases(20)]
    public async Task LogProbabilities_AreScores(TrainingCase @case)
    {
        @case = @case with { Bf16 = false };
        var untied = @case.Model with { Tied = false };
        var initial = untied.Parameters();
        using var dense = new DenseTrainer(untied.Config, initial, new DenseOptions { Type = float64 });
        var batch = Steps(@case)[0][0];
        var logits = dense.Logits(batch.InputIds, batch.Positions, batch.Documents, batch.Rows, batch.SequenceLength);
        var plan = TrainingPlan.For(RewardModel.Of(@case.Definition), @case.Options());
        using var store = Store(plan, initial);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var scores = (await run.LogProbabilitiesAsync([batch]))[0].Numbers;
        var expected = LastTokens(batch).Select(place => logits[place * untied.Vocabulary]).ToList();
        Assert.Equal(expected.Count, scores.Length);
        foreach (var (one, other) in expected.Zip(scores)) Assert.Equal(one, other, 1e-4f);
    }

    [Fact]
    public async Task Metrics_FirstStep_AreOfTheScores()
    {
        var @case = TrainingCase.Small with { Steps = 1 };
        var (reports, _) = await TrainAsync(@case, new RewardObjective(), Steps(@case), (@case.Model with { Tied = false }).Parameters());
        var metrics = ((IMeasuredObjective)new RewardObjective()).MetricsOf(reports[0]);
        Assert.Equal(["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies"], metrics.Keys);
        Assert.Equal(metrics["rewards/margins"], metrics["rewards/chosen"] - metrics["rewards/rejected"], 1e-6);
    }

    [Fact]
    public void Of_TiedAndUntied_SeparatesTheScore()
    {
        foreach (var tied in (bool[])[true, false])
        {
            var model = RewardModel.Of(ModelFamilies.Define((TrainingCase.Small.Model with { Tied = tied }).Config));
            Assert.Equal("LlamaForSequenceClassification", model.Architecture);
            Assert.Equal(["model.norm.weight", "score.weight"], model.Units[model.Head.Unit].Parameters.Select(slot => slot.TensorName));
            Assert.Equal(["model.embed_tokens.weight"], model.Units[0].Parameters.Select(slot => slot.TensorName));
            Assert.Equal(4, model.Units.Count);
        }

        Assert.Equal("GPT2ForSequenceClassification", RewardModel.ArchitectureOf("GPT2LMHeadModel"));
        Assert.Equal("Qwen2ForCausalLM", RewardModel.LanguageModelOf("Qwen2ForSequenceClassification", ModelRegistry.Default.Architectures));
        Assert.Null(RewardModel.LanguageModelOf("Qwen2ForCausalLM", ModelRegistry.Default.Architectures));
    }

    [Fact]
    public async Task Misuse_IsRefusedInASentence()
    {
        var plan = TrainingPlan.For(RewardModel.Of(TrainingCase.Small.Definition), TrainingCase.Small.Options());
        using var store = Store(plan, (TrainingCase.Small.Model with { Tied = false }).Parameters());
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        Assert.Contains("has no loss of its own", (await Assert.ThrowsAnyAsync<Exception>(() => run.EvaluateAsync(Steps(TrainingCase.Small)[0]))).Message, StringComparison.Ordinal);
        var cut = new MicroBatch(2, 2, [1, 2, 3, 4], [2, 3, 4, 1], [0, 1, 0, 1]);
        Assert.Contains("sequence 1", Assert.Throws<HorizonException>(() => new RewardObjective().Count(cut)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardObjective { Centering = -1 });
    }

    // As Twos, but with each sequence's last token, which has no label.
    private static IReadOnlyList<MicroBatch>[] Steps(TrainingCase @case) => [.. Twos.Steps(@case).Select(step => step.Select(batch =>
    {
        var (documents, row, at) = (batch.Documents, batch.SequenceLength, 0);
        List<(long Id, long Target, long Position, long Document)> longer = [];
        for (var place = 0; place < batch.Targets.Length; place++)
        {
            var document = documents?[place] ?? place / row;
            longer.Add((batch.InputIds[place], batch.Targets[place], batch.Positions[place], document));
            if (place + 1 == batch.Targets.Length || (documents?[place + 1] ?? ((place + 1) / row)) != document) longer.Add((at++ % @case.Model.Vocabulary, MicroBatch.Unlabelled, batch.Positions[place] + 1, document));
        }

        return new MicroBatch(documents is null ? batch.Rows : 1, documents is null ? row + 1 : longer.Count, [.. longer.Select(one => one.Id)], [.. longer.Select(one => one.Target)],
            [.. longer.Select(one => one.Position)], documents is null ? null : [.. longer.Select(one => one.Document)]);
    }).ToList())];

    private static long[] LastTokens(MicroBatch batch) => [.. Dense.LabelledPlaces(batch).Select(places => places[^1] + 1L)];

    private static ParameterStore Store(TrainingPlan plan, Dictionary<string, float[]> initial)
    {
        var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, initial.Append(new(RewardModel.Score, initial[Head][..plan.Model.HiddenSize])).ToDictionary());
        return store;
    }

    private static async Task<(IReadOnlyList<StepReport> Reports, Dictionary<string, float[]> Parameters)> TrainAsync(
        TrainingCase @case, IObjective objective, IReadOnlyList<MicroBatch>[] steps, Dictionary<string, float[]> initial)
    {
        var plan = TrainingPlan.For(RewardModel.Of(@case.Definition), @case.Options()).WithObjective(objective);
        using var store = Store(plan, initial);
        using var device = new CpuDevice(threads: 1);
        var reports = new List<StepReport>();
        var run = plan.Start(store, device);
        await using (run)
        {
            await foreach (var report in run.StepsAsync(steps, ahead: 1)) reports.Add(report);
        }

        Leaks.RequireNoLease(run);
        return (reports, StoreValues.Read(store));
    }
}
