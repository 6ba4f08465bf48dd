using System.Text.Json;
using Horizon.Flow.Cli.Tests.Commands;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>On-policy objectives from a YAML file: they learn what is rewarded, resume with the answers that were drawn, and refuse what does not fit.</summary>
public sealed class PolicyRunTests : IDisposable
{
    private readonly RunFolder _run = new();

    public PolicyRunTests()
    {
        _run.Write("prompts.jsonl", Lines("Tom was", "Lily was", "Mom was", "The boy was", "The dog was", "Sam was"));
        _run.Write("held-out.jsonl", Lines("Anna was", "The girl was"));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: prompts.jsonl, sequence_length: 32 }
            training:   { batch_size: 8, max_steps: 6, precision: fp32, cpu_threads: 1, objective: { name: dapo } }
            rollouts:   { prompts: 4, group: 4, max_tokens: 6, rewards: { contains: e } }
            optimizer:  { learning_rate: 1e-3 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Train_RewardedWord_IsSaidByMoreAnswers()
    {
        var run = await _run.TrainAsync(
            "rollouts.group=16", "rollouts.max_tokens=12", "training.batch_size=16", "rollouts.rewards.contains=happy", "evaluation.path=" + _run.In("held-out.jsonl"), "evaluation.every_steps=3");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        var passed = _run.Metric("passed").ToList();
        Assert.Equal(6, passed.Count);
        Assert.True(passed[0] < 0.3 && passed[^1] > 0.7, string.Join(' ', passed));
        Assert.Equal(passed, _run.Metric("reward"));
        Assert.All(_run.Metric("length"), length => Assert.InRange(length, 1, 12));
        // What is never learned passes too: the loss of an evaluation is minus the reward.
        var held = _run.Metric("eval_passed").ToList();
        Assert.Equal(3, held.Count);
        Assert.True(held[^1] > held[0] + 0.4, string.Join(' ', held));
        Assert.Equal(held.Select(share => -share), _run.Metric("eval_loss"));
    }

    /// <summary>Each learns, with answers of one step and of three; the first step's ratios are 1, and only later ones are clipped.</summary>
    [Theory]
    [InlineData("grpo", 1)]
    [InlineData("grpo", 3)]
    [InlineData("dapo", 3)]
    [InlineData("dr_grpo", 1)]
    [InlineData("gspo", 3)]
    public async Task Train_EachObjective_WritesItsMetrics(string name, int everySteps)
    {
        var run = await _run.TrainAsync($"training.objective.name={name}", $"rollouts.every_steps={everySteps}", "optimizer.learning_rate=5e-3");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        foreach (var metric in (string[])["reward", "reward_std", "passed", "length", "finished", "ratio", "clipped"]) Assert.Equal(6, _run.Metric(metric).Count());
        Assert.Equal(1, _run.Metric("ratio").First(), 1e-6);
        Assert.Equal(0, _run.Metric("clipped").First());
        if (everySteps > 1) Assert.Contains(_run.Metric("ratio"), ratio => Math.Abs(ratio - 1) > 1e-4);
        else Assert.All(_run.Metric("ratio"), ratio => Assert.Equal(1, ratio, 1e-6));
        // Only GRPO's own settings hold the model to what it was; before the first step it is that.
        Assert.Equal(name == "grpo" ? 6 : 0, _run.Metric("kl").Count());
        if (name == "grpo") Assert.Equal(0, _run.Metric("kl").First(), 1e-6);
        if (name == "grpo") Assert.True(_run.Metric("kl").Last() > 1e-5);
    }

    /// <summary>A run that died after a step: with what it drew, in the middle of a round too; and where nothing of the round was learned yet, without.</summary>
    [Theory]
    [InlineData("dapo", 1, 2, "kept")]
    [InlineData("dapo", 1, 2, "gone")]
    [InlineData("grpo", 3, 1, "kept")]
    [InlineData("grpo", 3, 2, "kept")]
    [InlineData("grpo", 3, 3, "gone")]
    [InlineData("gspo", 2, 5, "kept")]
    [InlineData("dr_grpo", 2, 4, "kept")]
    public async Task Resume_InAnyPlace_GivesTheModelAndMetricsOfTheUninterruptedRun(string name, int everySteps, int step, string answers)
    {
        string[] set = [$"training.objective.name={name}", $"rollouts.every_steps={everySteps}", "evaluation.path=" + _run.In("held-out.jsonl"), "evaluation.every_steps=2"];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        for (var later = step + 1; later <= 6; later++) Directory.Delete(_run.In($"out/checkpoints/step-{later}"), recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        if (answers == "gone") Directory.Delete(_run.In("out/rollouts"), recursive: true);
        var run = await _run.ResumeAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.DoesNotContain("drawn anew", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Resume_AnswersOfTheRoundGoneOrDamaged_IsSaid()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("rollouts.every_steps=3", "training.max_steps=4")).ExitCode);
        Directory.Delete(_run.Model, recursive: true);
        var file = _run.In("out/rollouts/round-1.jsonl");
        await File.AppendAllTextAsync(file, "{\"Prompt\":\n");
        var damaged = await _run.ResumeAsync("rollouts.every_steps=3");
        Assert.Contains("round-1.jsonl, line ", damaged.Error, StringComparison.Ordinal);
        Assert.Contains("no answer with a reward; remove the file to draw answers anew", damaged.Error, StringComparison.Ordinal);
        File.Delete(file);
        var anew = await _run.ResumeAsync("rollouts.every_steps=3");
        Assert.Equal((ExitCodes.Success, ""), (anew.ExitCode, anew.Error));
        Assert.Contains("the answers that step 5 was to learn from are gone, so that they are drawn anew, with the weights of step 4", anew.Output, StringComparison.Ordinal);
        Assert.Equal(6, _run.Metric("loss").Count());
    }

    /// <summary>Answers stay as long as a checkpoint goes on with them; a new run begins without any.</summary>
    [Fact]
    public async Task Train_Rounds_AreKeptForTheCheckpointsAlone()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("checkpoint.every_steps=2", "checkpoint.keep=1")).ExitCode);
        Assert.Equal(["round-2.jsonl", "round-3.jsonl", "round-4.jsonl", "round-5.jsonl"], Rounds()); // when the last round was drawn, the checkpoints were those of steps 2 and 4
        Directory.Delete(_run.In("out/checkpoints"), recursive: true);
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("checkpoint.every_steps=0", "training.max_steps=2")).ExitCode);
        Assert.Equal(["round-1.jsonl"], Rounds());
    }

    [Fact]
    public async Task Resume_OtherGroupOrReference_IsRefused()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("training.objective.name=grpo", "training.max_steps=2")).ExitCode);
        Directory.Move(_run.Model, _run.In("moved"));
        string[] set = ["training.objective.name=grpo", "training.max_steps=3"];
        Assert.Contains("rollouts.group is 4 there, 8 here", (await _run.ResumeAsync([.. set, "rollouts.group=8"])).Error, StringComparison.Ordinal);
        Assert.Contains("what model.path names is not what the run began with, and training is relative to it", (await _run.ResumeAsync([.. set, "model.path=" + _run.In("moved")])).Error, StringComparison.Ordinal);
        var changed = await _run.ResumeAsync([.. set, "rollouts.temperature=0.9", "training.objective.clip_high=0.3"]);
        Assert.Equal((ExitCodes.Success, ""), (changed.ExitCode, changed.Error));
        Assert.Contains("rollouts.temperature from 1 to 0.9", changed.Output, StringComparison.Ordinal);
    }

    /// <summary>A program is told prompt, answer and the whole record.</summary>
    [Fact]
    public async Task Train_RewardsOfAProgram_AreThoseOfItsLines()
    {
        if (OperatingSystem.IsWindows()) return;
        const string Even = """while read -r line; do case "$line" in *'"prompt":"'*'"answer":"'*'"record":{'*'"number":0'*|*'"record":{'*'"number":2'*) echo '{"reward": 3}';; *) echo -1;; esac; done""";
        var run = await RunWithAsync("command", $"[/bin/sh, -c, {JsonSerializer.Serialize(Even)}]");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.All(_run.Metric("reward").Take(3), reward => Assert.Equal(0, (reward + 1) % 1, 1e-9));
        Assert.Contains(_run.Metric("reward"), reward => reward > -1);
    }

    [Theory]
    [InlineData("read -r line; echo 1; exit 3", "ended with exit code 3 before it had rewarded answer 2")]
    [InlineData("echo ready; while read -r line; do echo 1; done", "wrote 'ready'")]
    [InlineData("while read -r line; do echo 1; echo 1; done", "without being asked; let it write one line an answer, and all else to its standard error")]
    [InlineData("exec sleep 60", "has not rewarded answer 1 for 0.2 s; let it write a line for each answer, and flush it")]
    public async Task Train_ProgramThatDoesNotKeepToItsPart_IsOneSentence(string program, string expected)
    {
        if (OperatingSystem.IsWindows()) return;
        // Lines too many pile up with every round, so that one of the rounds sees them.
        var run = await RunWithAsync("command", $"[/bin/sh, -c, {JsonSerializer.Serialize(program)}]", expected.Contains("0.2", StringComparison.Ordinal) ? ", patience: 0.2" : "");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_RewardsByColumnOrPattern_Pass()
    {
        // What the model says of itself, greedily, is the column; some draws are that.
        _run.Write("prompts.jsonl", string.Concat(Enumerable.Range(0, 8).Select(_ => JsonSerializer.Serialize(new { question = "Once upon a time, there was a little", word = " girl" }) + "\n")));
        string[] set = ["data.columns.prompt=question", "rollouts.max_tokens=3", "rollouts.rewards.contains=null"];
        var run = await _run.TrainAsync([.. set, "rollouts.rewards.equal=word"]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains(_run.Metric("passed"), share => share is > 0);
        Assert.Contains("no column 'other' to compare its answers with", (await _run.TrainAsync([.. set, "rollouts.rewards.equal=other", "output.directory=" + _run.In("other")])).Error, StringComparison.Ordinal);
        var matches = await _run.TrainAsync([.. set, "rollouts.rewards.matches=^ g.rl$", "output.directory=" + _run.In("again")]);
        Assert.Equal((ExitCodes.Success, ""), (matches.ExitCode, matches.Error));
        Assert.Equal(_run.Metric("passed"), File.ReadLines(_run.In("again/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("passed").GetDouble()));
        Assert.Contains("'(' is no regular expression", (await _run.TrainAsync([.. set, "rollouts.rewards.matches=(", "output.directory=" + _run.In("third")])).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_RewardsOfAModel_AreItsScores()
    {
        _run.Write("pairs.jsonl", string.Concat(Enumerable.Range(0, 8).Select(i => JsonSerializer.Serialize(new { prompt = $"Tom {i} was", chosen = " happy", rejected = " sad" }) + "\n")));
        _run.Write("scorer.yaml", $$"""
            model:    { path: {{RunFolder.Stories}} }
            data:     { path: pairs.jsonl }
            training: { max_steps: 2, precision: fp32, objective: { name: reward } }
            output:   { directory: scorer }
            device:   cpu
            """);
        Assert.Equal(ExitCodes.Success, (await _run.RunAsync("train", _run.In("scorer.yaml"))).ExitCode);
        string[] set = ["rollouts.rewards.contains=null", "rollouts.rewards.model=" + _run.In("scorer/model"), "training.max_steps=2"];
        var run = await _run.TrainAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.All(_run.Metric("reward_std"), deviation => Assert.True(deviation > 0));
        Assert.Contains("reward model", (await _run.RunAsync(["plan", _run.In("run.yaml"), .. set.SelectMany(one => (string[])["--set", one])])).Output, StringComparison.Ordinal);
        await File.AppendAllTextAsync(_run.In("scorer/model/tokenizer.json"), " ");
        Assert.Contains("the tokenizer.json of rollouts.rewards.model is not that of model.path", (await _run.TrainAsync([.. set, "output.directory=" + _run.In("other")])).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rollouts.rewards.contains=null", "rollouts.rewards is empty; it should be one of command, contains, matches, equal, model: what tells how good an answer is.")]
    [InlineData("rollouts.rewards.matches=x", "rollouts.rewards is contains and matches; it should be one of")]
    [InlineData("rollouts.group=1", "rollouts.group is 1; it should be 2 to 4096: an answer is compared with the others of its prompt.")]
    [InlineData("training.gradient_accumulation=2", "training.gradient_accumulation is 2; it should be left out: rollouts.prompts and rollouts.group say how many answers a step has")]
    [InlineData("training.objective.name=next_token", "rollouts is set; it should be left out: training.objective.name next_token draws no answers.")]
    [InlineData("training.objective.lambda=1", "it should be left out: dapo has the options beta, clip_low, clip_high.")]
    [InlineData("training.objective.clip_low=1", "training.objective.clip_low is 1; it should be at least 0 and less than 1.")]
    [InlineData("training.neftune_alpha=5", "training.neftune_alpha is 5; it should be 0 where training.objective.name is dapo")]
    [InlineData("training.label_smoothing=0.1", "training.label_smoothing is of the next token's cross-entropy, and training.objective is dapo")]
    [InlineData("rollouts.max_tokens=31", "rollouts.max_tokens is 31, which leaves no room for a prompt in sequences of 32 tokens")]
    [InlineData("rollouts.server.model=x", "rollouts.server.url is empty; it should be the server's address where other keys of rollouts.server are set.")]
    [InlineData("rollouts.server.url=nowhere", "rollouts.server.url is 'nowhere'; it should be an address such as http://localhost:8000.")]
    public async Task Train_WhatDoesNotFit_IsRefused(string set, string expected)
    {
        var run = await _run.TrainAsync(set);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    private Task<CommandHarness> RunWithAsync(string key, string value, string more = "")
    {
        var yaml = File.ReadAllText(_run.In("run.yaml")).Replace("rewards: { contains: e }", $"rewards: {{ {key}: {value}{more} }}", StringComparison.Ordinal);
        File.WriteAllText(_run.In("run.yaml"), yaml);
        return _run.TrainAsync();
    }

    private List<string?> Rounds() => [.. Directory.GetFiles(_run.In("out/rollouts")).Select(Path.GetFileName).Order(StringComparer.Ordinal)];

    private static string Lines(params string[] prompts) => string.Concat(prompts.Select((prompt, i) => JsonSerializer.Serialize(new { prompt, number = i % 3 }) + "\n"));
}
