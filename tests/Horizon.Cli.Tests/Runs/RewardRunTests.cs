using System.Globalization;
using System.Text.Json;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Devices;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A reward model from a YAML file: the folder that transformers reads, its scores, and a run that goes on.</summary>
public sealed class RewardRunTests : IDisposable
{
    private static readonly string[] Names = ["Tom", "Lily", "Ben", "Mia", "Max", "Sue", "Tim"];

    private readonly RunFolder _run = new();

    public RewardRunTests()
    {
        _run.Write("pairs.jsonl", string.Concat(Names.Select(name => Pair(name) + "\n")));
        _run.Write("held-out.jsonl", Pair("Anna") + "\n" + Pair("Sam") + "\n");
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: pairs.jsonl, sequence_length: 64 }
            training:   { batch_size: 4, epochs: 4, precision: fp32, objective: { name: reward, centering: 0.01 } }
            optimizer:  { learning_rate: 1e-3 }
            evaluation: { path: held-out.jsonl, every_steps: 2 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public async Task Train_Pairs_GivesAFolderWhoseScoresTellThemApart(string precision)
    {
        var run = await _run.TrainAsync($"training.precision={precision}");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("LlamaForSequenceClassification", run.Output, StringComparison.Ordinal);
        Assert.Equal(1, _run.Metric("eval_rewards/accuracies").Last());
        Assert.True(_run.Metric("eval_loss").Last() < 0.8 * _run.Metric("eval_loss").First());

        using var config = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_run.Model, "config.json")));
        Assert.Equal("LlamaForSequenceClassification", config.RootElement.GetProperty("architectures")[0].GetString());
        Assert.Equal(1, config.RootElement.GetProperty("num_labels").GetInt32());
        Assert.Equal("LABEL_0", config.RootElement.GetProperty("id2label").GetProperty("0").GetString());
        Assert.Equal([1, 64], _run.Weights().Shape("score.weight"));
        Assert.DoesNotContain("lm_head.weight", _run.Weights().Names);

        // The scores of the folder are those that the run had: their margin is the evaluation's.
        _run.Write("answers.jsonl", Answer("Anna", Good) + Answer("Anna", Bad) + Answer("Sam", Good) + Answer("Sam", Bad));
        var scored = await _run.RunAsync("score", "--model", _run.Model, "--data", _run.In("answers.jsonl"));
        Assert.Equal((ExitCodes.Success, ""), (scored.ExitCode, scored.Error));
        var scores = scored.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(4, scores.Count);
        Assert.Equal(_run.Metric("eval_rewards/margins").Last(), (scores[0] - scores[1] + scores[2] - scores[3]) / 2, precision == "fp32" ? 1e-4 : 5e-2);
    }

    [Fact]
    public async Task Train_OnARewardModel_GoesOnFromItsScore()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var run = await _run.TrainAsync($"model.path={_run.Model}", "output.directory=" + _run.In("again"));
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        var losses = File.ReadLines(_run.In("again/metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.TryGetProperty("eval_loss", out _)).ToList();
        Assert.Equal(_run.Metric("eval_loss").Last(), losses[0].GetProperty("eval_loss").GetDouble(), 1e-5);
    }

    [Fact]
    public async Task Resume_InTheMiddle_GivesTheModelAndMetricsOfTheUninterruptedRun()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        for (var later = 4; later <= 8; later++) Directory.Delete(_run.In($"out/checkpoints/step-{later}"), recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        var run = await _run.ResumeAsync();
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Misuse_IsRefusedInASentence()
    {
        var run = await _run.TrainAsync("evaluation.prompt=Once");
        Assert.Contains("evaluation.prompt is 'Once'; it should be left out: a model of training.objective.name reward continues no text.", run.Error, StringComparison.Ordinal);
        run = await _run.RunAsync("score", "--model", RunFolder.Stories, "--data", _run.In("pairs.jsonl"));
        Assert.Contains("has no score.weight, so it is no reward model", run.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("training.max_steps=1")).ExitCode);
        run = await _run.RunAsync("generate", "--model", _run.Model, "--prompt", "Once");
        Assert.Contains("the architecture 'LlamaForSequenceClassification' is not known", run.Error, StringComparison.Ordinal);
        using var device = new CpuDevice(threads: 1);
        await using var scorer = await RewardScorer.LoadAsync(_run.Model, device);
        Assert.Contains("sequence 2 has 1 tokens", (await Assert.ThrowsAsync<HorizonException>(() => scorer.ScoreAsync([new TokenDocument([1, 2], [1, 2]), new TokenDocument([1], [1])]))).Message, StringComparison.Ordinal);
        var config = Path.Combine(_run.Model, "config.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"num_labels\": 1", "\"num_labels\": 3", StringComparison.Ordinal));
        Assert.Contains("a reward model has one label, this one has 3", (await Assert.ThrowsAsync<HorizonException>(() => RewardScorer.LoadAsync(_run.Model, device))).Message, StringComparison.Ordinal);
    }

    private const string Good = " The sun was warm.";
    private const string Bad = " It was cold and all were sad.";

    private static string Prompt(string name) => $"Once upon a time, {name} went home.";

    private static string Pair(string name) => JsonSerializer.Serialize(new { prompt = Prompt(name), chosen = Good, rejected = Bad });

    private static string Answer(string name, string answer) => JsonSerializer.Serialize(new { prompt = Prompt(name), completion = answer }) + "\n";
}
