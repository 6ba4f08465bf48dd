using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Devices;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Alignment.Tests.Policies;

/// <summary>Answers, their rewards, and what a run that dies has of them.</summary>
public class RolloutTests
{
    /// <summary>Draws are those of the model: their frequencies are its probabilities, and the same seed draws the same.</summary>
    [Fact]
    public async Task Sample_ManyAnswers_HasTheModelsFrequencies()
    {
        var @case = TrainingCase.Small with { Bf16 = false };
        var plan = @case.Plan();
        using var store = @case.CreateStore(plan);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var sampler = new StreamedSampler(run, new() { Answers = 4000, MaxTokens = 1 });
        var rollouts = await sampler.SampleAsync([[1, 2]], seed: 3);
        var logits = (await run.LogitsAsync([new MicroBatch(1, 2, [1, 2], [-100, 0], [0, 1])]))[0].Numbers;
        var total = logits.Sum(logit => Math.Exp(logit));
        for (var id = 0; id < logits.Length; id++)
            Assert.Equal(Math.Exp(logits[id]) / total, rollouts.Count(one => one.AnswerIds[0] == id) / 4000.0, 0.03);
        var again = new StreamedSampler(run, new() { Answers = 3, MaxTokens = 5, EndIds = [4] });
        var (one, other) = (await again.SampleAsync([[1, 2], [3]], seed: 8), await again.SampleAsync([[1, 2], [3]], seed: 8));
        Assert.Equal(one.Select(rollout => string.Join(' ', rollout.AnswerIds)), other.Select(rollout => string.Join(' ', rollout.AnswerIds)));
        Assert.Equal([0, 0, 0, 1, 1, 1], one.Select(rollout => rollout.Prompt));
        Assert.All(one, rollout => Assert.Equal(rollout.IsFinished, rollout.AnswerIds[^1] == 4));
        Assert.All(one, rollout => Assert.True(rollout.IsFinished || rollout.AnswerIds.Count == 5));
    }

    [Fact]
    public void Batches_LabelAnswersAlone_AndAdvantagesAreByPrompt()
    {
        Rollout[] rollouts = [new(0, [1, 2], [3, 4], true), new(0, [1, 2], [5], true), new(1, [6], [7, 8], false), new(1, [6], [9], true)];
        var advantages = RolloutBatches.Advantages(rollouts, [1, 0, 5, 5], scaled: false);
        Assert.Equal([0.5, -0.5, 0, 0], advantages);
        var batches = RolloutBatches.Of(rollouts, advantages, answersEach: 3);
        Assert.Equal(2, batches.Count);
        Assert.Equal([1, 2, 3, 4, 1, 2, 5, 6, 7, 8], batches[0].InputIds);
        Assert.Equal([-100, 3, 4, -100, -100, 5, -100, 7, 8, -100], batches[0].Targets);
        Assert.Equal([0, 1, 2, 3, 0, 1, 2, 0, 1, 2], batches[0].Positions);
        Assert.Equal([0.5f, -0.5f, 0f], batches[0].Columns[GrpoObjective.AdvantageColumn]);
    }

    [Fact]
    public async Task ProcessReward_SpeaksJsonLines_AndWhatItCannotIsSaid()
    {
        if (OperatingSystem.IsWindows()) return;
        using (var reward = ProcessReward.Start("/bin/sh", "-c", """while read -r line; do case "$line" in *happy*) echo '{"reward": 1}';; *) echo '{"reward": -0.5}';; esac; done"""))
        {
            Assert.Equal([1, -0.5], await reward.RewardAsync([("Tom", " was \"happy\"\n"), ("Tom", " was sad")]));
            var many = await reward.RewardAsync([.. Enumerable.Range(0, 5000).Select(i => ("a long prompt that fills the pipe", i % 2 == 0 ? "happy" : "sad"))]);
            Assert.Equal(2500 * 0.5, many.Sum());
        }

        using (var ends = ProcessReward.Start("/bin/sh", "-c", "exit 3"))
            Assert.Contains("ended with exit code 3 before it had rewarded answer 1", (await Assert.ThrowsAsync<HorizonException>(() => ends.RewardAsync([("a", "b")]))).Message, StringComparison.Ordinal);
        using (var other = ProcessReward.Start("/bin/sh", "-c", "read -r line; echo good"))
            Assert.Contains("wrote 'good' for answer 1", (await Assert.ThrowsAsync<HorizonException>(() => other.RewardAsync([("a", "b")]))).Message, StringComparison.Ordinal);
        Assert.Throws<HorizonException>(() => ProcessReward.Start("/no/such/program"));
    }

    /// <summary>A run that dies between drawing and learning has its answers, and the same steps follow.</summary>
    [Fact]
    public async Task RolloutFile_AfterADeath_GivesTheSameStep()
    {
        var @case = TrainingCase.Small with { Bf16 = false };
        var plan = @case.Plan().WithObjective(GrpoObjective.Dapo);
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "rollouts.jsonl");
        using var device = new CpuDevice(threads: 1);
        async Task<Dictionary<string, float[]>> LearnAsync(bool dies)
        {
            using var store = @case.CreateStore(plan);
            await using var run = plan.Start(store, device);
            if (!dies)
            {
                var drawn = await new StreamedSampler(run, new() { Answers = 4, MaxTokens = 3 }).SampleAsync([[1, 2], [3]], seed: 5);
                var old = await RolloutLogProbabilities.ComputeAsync(run, drawn, answersEach: 4);
                RolloutFile.Save(path, [.. drawn.Zip(old, (one, numbers) => new GradedRollout(one, one.AnswerIds[0] % 3.0) { OldLogProbabilities = numbers })]);
            }

            var rollouts = RolloutFile.Load(path);
            var advantages = RolloutBatches.Advantages([.. rollouts.Select(one => one.Rollout)], [.. rollouts.Select(one => one.Reward)]);
            await (await run.BeginStepAsync(RolloutBatches.Of(rollouts, advantages, answersEach: 4))).Report;
            return StoreValues.Read(store);
        }

        var (whole, resumed) = (await LearnAsync(dies: false), await LearnAsync(dies: true));
        Assert.All(whole, pair => Assert.Equal(pair.Value, resumed[pair.Key]));
        await File.AppendAllTextAsync(path, "{\"Prompt\":1}\n");
        Assert.Contains("rollouts.jsonl, line 9: no answer with a reward", Assert.Throws<HorizonException>(() => RolloutFile.Load(path)).Message, StringComparison.Ordinal);
    }
}
