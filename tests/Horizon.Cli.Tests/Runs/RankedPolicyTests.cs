using System.Diagnostics;
using System.Text.Json;
using Horizon.Flow.Distributed;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>On-policy runs on several ranks: the answers are those of one rank, and so is what is learned of them.</summary>
public sealed class RankedPolicyTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);

    private readonly RunFolder _run = new();

    // Seven prompts in steps of three: the last step of an epoch has one, whose two micro-batches three ranks cannot share evenly.
    public RankedPolicyTests()
    {
        _run.Write("prompts.jsonl", Lines("Tom was", "Lily was", "Mom was", "The boy was", "The dog was", "Sam was", "Ben was"));
        _run.Write("held-out.jsonl", Lines("Anna was", "The girl was", "Max was"));
        _run.Write("pairs.jsonl", string.Concat(Enumerable.Range(0, 9).Select(i => JsonSerializer.Serialize(new { prompt = $"Tom {i % 7} was", chosen = " happy", rejected = " sad" }) + "\n")));
        _run.Write("run.yaml", Recipe("contains: e"));
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData(2, "grpo", 1)]
    [InlineData(3, "grpo", 2)]
    [InlineData(3, "dapo", 3)]
    [InlineData(2, "dr_grpo", 1)]
    [InlineData(2, "gspo", 2)]
    [InlineData(3, "grpo", 2, "training.adapter.rank=2", "training.adapter.alpha=4")]
    [InlineData(2, "dapo", 2, "optimizer.name=muon", "optimizer.learning_rate=1e-4")]
    public async Task Train_OnRanks_IsTheRunOfOne(int ranks, string name, int everySteps, params string[] set)
    {
        string[] all = [$"training.objective.name={name}", $"rollouts.every_steps={everySteps}", .. set];
        var one = await TrainAsync(1, "one", all);
        var many = await TrainAsync(ranks, "many", all);
        Assert.Equal(4, one.Count(number => number.Name == "loss"));
        Assert.Equal(3, one.Count(number => number.Name == "eval_loss"));
        RequireSame(one, many);
        Assert.Equal(Answers("one"), Answers("many"));
        Numbers.AssertClose(Weights("one"), Weights("many"), set.Contains("optimizer.name=muon") ? 1e-4 : 1e-6);
    }

    [Fact]
    public async Task Train_OnTheSameRanksAgain_GivesTheSameBits()
    {
        string[] set = ["training.objective.name=grpo", "rollouts.every_steps=2"];
        var first = await TrainAsync(3, "first", set);
        Assert.Equal(first, await TrainAsync(3, "again", set));
        Assert.All(Weights("first"), pair => Assert.Equal(pair.Value, Weights("again")[pair.Key]));
    }

    /// <summary>A program is on each rank, and told the answers to its prompts; a model is shared, as the one that learns is; a pattern is matched everywhere.</summary>
    [Theory]
    [InlineData(3, "command")]
    [InlineData(2, "model")]
    [InlineData(2, "matches: '[aeiou] '")]
    public async Task Train_EachReward_IsThatOfOneRank(int ranks, string reward)
    {
        if (OperatingSystem.IsWindows() && reward == "command") return;
        if (reward == "model")
        {
            _run.Write("scorer.yaml", $"model: {{ path: {RunFolder.Stories} }}\ndata: {{ path: pairs.jsonl }}\ntraining: {{ max_steps: 2, precision: fp32, objective: {{ name: reward }} }}\noutput: {{ directory: scorer }}\ndevice: cpu\n");
            Assert.Equal(ExitCodes.Success, (await _run.RunAsync("train", _run.In("scorer.yaml"))).ExitCode);
        }

        _run.Write("run.yaml", Recipe(reward switch
        {
            "command" => Program("""while read -r line; do case "$line" in *'"number":0'*) echo '{"reward": 3}';; *'and'*) echo 1;; *) echo -1;; esac; done"""),
            "model" => $"model: {_run.In("scorer/model")}",
            _ => reward,
        }));
        var (one, many) = (await TrainAsync(1, "one", []), await TrainAsync(ranks, "many", []));
        RequireSame(one, many);
        Assert.Equal(Answers("one"), Answers("many"));
        Assert.Contains(one, number => number.Name == "reward" && number.Value != 0);
        Numbers.AssertClose(Weights("one"), Weights("many"), 1e-6);
    }

    /// <summary>In the middle of a round, with the answers that were kept; with other ranks, and one alone.</summary>
    [Fact]
    public async Task Resume_WithOtherRanks_GoesOnWithTheSameRun()
    {
        string[] set = ["training.objective.name=grpo", "rollouts.every_steps=2", "checkpoint.every_steps=1"];
        var one = await TrainAsync(1, "one", set);
        List<(string Name, double Value)> many = [.. await TrainAsync(2, "many", [.. set, "training.max_steps=1"])];
        foreach (var (ranks, last) in ((int, int)[])[(3, 3), (1, 4)])
        {
            Directory.Delete(_run.In("many/model"), recursive: true);
            many.AddRange(await TrainAsync(ranks, "many", [.. set, $"training.max_steps={last}"], resume: true));
        }

        Assert.Equal(Steps(one).Count, Steps(many).Count);
        Assert.All(Steps(one).Zip(Steps(many)), pair => Assert.Equal(pair.First.Value, pair.Second.Value, 1e-6));
        Assert.Equal(Answers("one"), Answers("many"));
        Numbers.AssertClose(Weights("one"), Weights("many"), 1e-6);

        static List<(string Name, double Value)> Steps(IEnumerable<(string Name, double Value)> numbers) => [.. numbers.Where(number => number.Name is "loss" or "reward" or "kl" or "ratio")];
    }

    /// <summary>The reference of pairs, held beside the model, is shared as that of answers is.</summary>
    [Fact]
    public async Task Train_PairsWithAHeldReferenceOnRanks_IsTheRunOfOne()
    {
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: pairs.jsonl }
            training:   { batch_size: 1, gradient_accumulation: 6, max_steps: 4, precision: fp32, cpu_threads: 1, objective: { name: dpo, reference: held } }
            evaluation: { path: pairs.jsonl, every_steps: 2 }
            optimizer:  { name: sgd, learning_rate: 1e-2 }
            output:     { directory: out }
            device:     cpu
            """);
        var (one, many) = (await TrainAsync(1, "one", []), await TrainAsync(2, "many", []));
        RequireSame(one, many);
        Numbers.AssertClose(Weights("one"), Weights("many"), 1e-6);
    }

    [Fact]
    public async Task Train_MicroBatchesThatRanksCannotShare_SaysWhatToChange()
    {
        var refused = await _run.RunAsync("plan", _run.In("run.yaml"), "--gpus", "4");
        Assert.Contains("rollouts.prompts 3 times rollouts.group 4 are 6 micro-batches of training.batch_size 2, which 4 ranks cannot share", refused.Error, StringComparison.Ordinal);
        var planned = await _run.RunAsync("plan", _run.In("run.yaml"), "--gpus", "3", "--set", "training.objective.name=grpo");
        Assert.Contains("only read, over 3 ranks", planned.Output, StringComparison.Ordinal);
    }

    /// <summary>One rank asks the server for all; the weights that it is handed are put together from the slices of all.</summary>
    [Fact]
    public async Task Train_AnswersOfAServer_AreThoseOfOneRank()
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "horizon.dll"), "serve", "--model", RunFolder.Stories, "--port", "0", "--name", "stories", "--allow-reload"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        using var server = Process.Start(start)!;
        string[] set;
        try
        {
            var line = await server.StandardOutput.ReadLineAsync();
            Assert.NotNull(line);
            set = ["training.max_steps=2", "rollouts.server.model=stories", "rollouts.server.patience=1", $"rollouts.server.url={line.Split(' ')[^1]}"];
            var (one, many) = (await TrainAsync(1, "one", set), await TrainAsync(2, "many", set));
            RequireSame(one, many);
            Assert.Equal(Answers("one"), Answers("many"));
            Numbers.AssertClose(Weights("one", "policy"), Weights("many", "policy"), 1e-6);
            Numbers.AssertClose(Weights("one"), Weights("many"), 1e-6);
        }
        finally
        {
            server.Kill();
            await server.WaitForExitAsync();
        }

        var gone = await Assert.ThrowsAsync<HorizonException>(() => TrainAsync(2, "gone", set));
        Assert.Contains("that draws answers does not do it (", gone.Message, StringComparison.Ordinal);
    }

    /// <summary>As the program starts ranks: processes of their own, one of whose reward programs fails or is killed.</summary>
    [Theory]
    [InlineData("exit 3", "rank 1: the program that rewards answers, /bin/sh, ended with exit code 3 before it had rewarded answer 1")]
    [InlineData("kill -9 $$", "rank 1: the program that rewards answers, /bin/sh, ended with exit code 137 before it had rewarded answer 1")]
    [InlineData("true", null)]
    public async Task Train_RewardProgramOfOneRankFails_EndsAllWithItsSentence(string fate, string? expected)
    {
        if (OperatingSystem.IsWindows()) return;
        _run.Write("run.yaml", Recipe(Program($"if [ \"$RANK\" = 1 ]; then read -r line; {(expected is null ? "echo 1" : fate)}; fi; while read -r line; do echo 1; done")));
        using var process = RankProcesses.Start(_run, 2, []);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        await process.WaitForExitAsync().WaitAsync(Hang);
        if (expected is null)
        {
            Assert.True(process.ExitCode == ExitCodes.Success, output + await error);
            Assert.All(_run.Metric("reward"), reward => Assert.Equal(1, reward));
            return;
        }

        Assert.Equal(ExitCodes.Failure, process.ExitCode);
        Assert.Contains("rank 0 of 2:", await error, StringComparison.Ordinal);
        Assert.Contains("rank 1 of 2:", await error, StringComparison.Ordinal);
        Assert.Contains(expected, await error, StringComparison.Ordinal);
    }

    /// <summary>A rank killed in the middle of a round, and a signal to one rank while answers are drawn: all end, and go on to the bits of the run that nobody stopped.</summary>
    [Fact]
    public async Task Resume_AfterARankWasKilledOrStopped_GivesTheBitsOfTheUninterruptedRun()
    {
        if (!OperatingSystem.IsLinux()) return; // Ranks are found in /proc.
        string[] words = ["--resume", .. ((string[])["training.objective.name=grpo", "rollouts.every_steps=2", "checkpoint.every_steps=1", "training.max_steps=9", "evaluation.every_steps=0"]).SelectMany(set => (string[])["--set", set])];
        await EndAsync(RankProcesses.Start(_run, 2, words), ExitCodes.Success);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        Directory.Delete(_run.Output, recursive: true);
        foreach (var (step, rank, signal) in ((int, int, int)[])[(1, 1, 9), (3, 0, 15), (5, 0, 9)])
        {
            using var process = RankProcesses.Start(_run, 2, words);
            await RankProcesses.SignalAtAsync(process, $"checkpoint of step {step} ", signal, rank);
            await EndAsync(process, signal == 15 ? ExitCodes.Terminated : null);
            if (signal == 15) Directory.Delete(_run.Model, recursive: true);
        }

        await EndAsync(RankProcesses.Start(_run, 2, words), ExitCodes.Success);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    // Null for any failure.
    private static async Task EndAsync(Process process, int? expected)
    {
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        await process.WaitForExitAsync().WaitAsync(Hang);
        Assert.True(expected is null ? process.ExitCode != 0 : process.ExitCode == expected, $"exit code {process.ExitCode}: {output}{await error}");
    }

    private static string Program(string script) => $"command: [/bin/sh, -c, {JsonSerializer.Serialize(script)}]";

    private static string Lines(params string[] prompts) => string.Concat(prompts.Select((prompt, i) => JsonSerializer.Serialize(new { prompt, number = i % 3 }) + "\n"));

    private static void RequireSame(List<(string Name, double Value)> one, List<(string Name, double Value)> many)
    {
        Assert.Equal(one.Select(number => number.Name), many.Select(number => number.Name));
        // Margins are differences of sums of log-probabilities, whose last bit is some millionths, and which processor rounds which way is its own.
        Assert.All(one.Zip(many), pair => Assert.Equal(pair.First.Value, pair.Second.Value, 1e-5 * Math.Max(1, Math.Abs(pair.First.Value))));
    }

    private static string Recipe(string reward) => $$"""
        model:      { path: {{RunFolder.Stories}} }
        data:       { path: prompts.jsonl, sequence_length: 32 }
        training:   { batch_size: 2, max_steps: 4, precision: fp32, cpu_threads: 1, objective: { name: dapo } }
        rollouts:   { prompts: 3, group: 4, max_tokens: 6, rewards: { {{reward}} } }
        evaluation: { path: held-out.jsonl, every_steps: 2 }
        optimizer:  { name: sgd, learning_rate: 1e-2 }
        output:     { directory: out }
        device:     cpu
        """;

    // Every session of this process is a rank; what each tells must be what rank 0 tells.
    private async Task<List<(string Name, double Value)>> TrainAsync(int ranks, string output, string[] set, bool resume = false)
    {
        using var port = FreePort.Take();
        var all = await Task.WhenAll(Enumerable.Range(0, ranks).Select(rank => Task.Run(() => SessionAsync(
            ranks == 1 ? null : new RankPlace(rank, ranks, rank, ranks, "localhost", port.Number), output, set, resume)))).WaitAsync(Hang);
        Assert.All(all, told => Assert.Equal(all[0], told));
        return all[0];
    }

    private async Task<List<(string Name, double Value)>> SessionAsync(RankPlace? place, string output, string[] set, bool resume)
    {
        var numbers = new List<(string, double)>();
        await using var session = await TrainingSession.OpenAsync(ConfigurationLoader.Load(_run.In("run.yaml"), [.. set, $"output.directory={_run.In(output)}"]), resume, place: place);
        await foreach (var happened in session.RunAsync(CancellationToken.None))
        {
            if (happened is TrainingEvent.StepEnded step) numbers.AddRange([("loss", step.Report.Loss), .. step.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => (metric.Key, metric.Value))]);
            if (happened is TrainingEvent.Evaluated found) numbers.AddRange([("eval_loss", found.Loss), .. found.Metrics.OrderBy(metric => metric.Key, StringComparer.Ordinal).Select(metric => ($"eval_{metric.Key}", metric.Value))]);
        }

        await session.SaveAsync();
        return numbers;
    }

    // The tokens of the rounds that are kept.
    private List<string> Answers(string output) =>
        [.. Directory.GetFiles(_run.In($"{output}/rollouts")).Order(StringComparer.Ordinal).SelectMany(File.ReadLines).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("AnswerIds").GetRawText())];

    private Dictionary<string, float[]> Weights(string output, string folder = "model") => new SafetensorsReader(Directory.GetFiles(_run.In($"{output}/{folder}"), "*.safetensors").Single()).AllFloats();
}
