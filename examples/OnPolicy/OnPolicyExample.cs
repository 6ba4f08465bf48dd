using Horizon.Flow;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Examples;

/// <summary>On-policy training: the quickstart's model answers, a delegate rewards what it says, and the answers that did better than the others of their prompt become likelier.</summary>
public static class OnPolicyExample
{
    /// <summary>Rounds of 64 answers to four prompts; an answer passes that says "happy" within twelve tokens.</summary>
    /// <param name="output">Gets a line a round.</param>
    /// <param name="folder">The quickstart's.</param>
    /// <param name="rounds">How many.</param>
    /// <returns>The share of answers that passed, by round.</returns>
    public static async Task<IReadOnlyList<double>> RunAsync(TextWriter output, string folder, int rounds = 8)
    {
        ArgumentNullException.ThrowIfNull(output);
        var tokenizer = HuggingFaceTokenizer.Load($"{folder}/stories260K-hf");
        IReadOnlyList<IReadOnlyList<int>> prompts = [.. ((string[])["Tom was", "Lily was", "Mom was", "The boy was"]).Select(text => tokenizer.Encode(text, addSpecialTokens: true))];

        // <snippet>
        double Reward(Rollout rollout) => tokenizer.Decode([.. rollout.AnswerIds], skipSpecialTokens: true).Contains("happy", StringComparison.Ordinal) ? 1 : 0;

        var plan = TrainingPlan
            .For(ModelFamilies.Define(ModelFolder.ReadConfig($"{folder}/stories260K-hf")), new()
            {
                Optimizer = OptimizerFactory.Create("adamw"),
                LearningRate = _ => 1e-3,
                GradientAccumulation = 4,
                HostThreads = 2,
            })
            .WithObjective(GrpoObjective.Dapo);
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var files = WeightFiles.Open($"{folder}/stories260K-hf")) await StoreLoader.LoadAsync(files, store.Units).ConfigureAwait(false);
        using var device = new CpuDevice(threads: 1);
        await using var run = plan.Start(store, device);
        var sampler = new StreamedSampler(run, new() { Answers = 16, MaxTokens = 12 });
        var shares = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var rollouts = await sampler.SampleAsync(prompts, seed: round).ConfigureAwait(false);
            double[] rewards = [.. rollouts.Select(Reward)];
            var batches = RolloutBatches.Of(rollouts, RolloutBatches.Advantages(rollouts, rewards), answersEach: 16);
            await (await run.BeginStepAsync(batches).ConfigureAwait(false)).Report.ConfigureAwait(false);
            shares.Add(rewards.Average());
            await output.WriteLineAsync($"round {round + 1}: {shares[^1]:P0} of the answers pass").ConfigureAwait(false);
        }
        // </snippet>
        return shares;
    }
}
