using System.Globalization;
using System.Text.Json;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>The keys that recipes use beside the plain ones: what each does to a run, and to one that is resumed.</summary>
public sealed class RecipeKeysTests : IDisposable
{
    private readonly RunFolder _run = new();

    public RecipeKeysTests()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 9).Select(Row));
        _run.WriteTokens("held-out.jsonl", Enumerable.Range(20, 4).Select(Row));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 2, epochs: 3, precision: fp32 }
            optimizer:  { learning_rate: 1e-3 }
            evaluation: { path: held-out.jsonl, every_steps: 1 }
            checkpoint: { every_steps: 1, keep: 99 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>Random numbers, groups of lengths and the memory of evaluations go on where they were.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public async Task Resume_WithEveryKey_GivesTheModelAndMetricsOfTheUninterruptedRun(int step)
    {
        string[] set = ["training.neftune_alpha=5", "training.label_smoothing=0.1", "data.group_by_length=true", "schedule.name=cosine_with_restarts", "schedule.cycles=2", "schedule.warmup_ratio=0.2", "training.recompute_interval=3"];
        await Succeeds(_run.TrainAsync(set));
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        GoBackTo(step);
        await Succeeds(_run.ResumeAsync([.. set, "training.recompute_interval=1", "pipeline.activations=keep"]));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    /// <summary>Noise and smoothing are of training alone: what is held out has the same loss before the first step, and another after it.</summary>
    [Theory]
    [InlineData("training.neftune_alpha=5")]
    [InlineData("training.label_smoothing=0.2")]
    public async Task Train_WithRegularization_LeavesEvaluationsPlain(string key)
    {
        await Succeeds(_run.TrainAsync("training.max_steps=2", "checkpoint.every_steps=0"));
        var (loss, held) = (_run.Metric("loss").ToList(), _run.Metric("eval_loss").ToList());
        await Succeeds(_run.TrainAsync("training.max_steps=2", "checkpoint.every_steps=0", key));
        Assert.NotEqual(loss[0], _run.Metric("loss").First());
        Assert.Equal(held[0], _run.Metric("eval_loss").First());
        Assert.NotEqual(held[1], _run.Metric("eval_loss").ElementAt(1));
    }

    /// <summary>The run ends where the losses of the same run without patience say, and stays ended when it is resumed.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 0)]
    [InlineData(2, 0.05)]
    public async Task Train_WithPatience_EndsWhereTheLossHasNotFallen(int patience, double delta)
    {
        // A rate that soon does harm.
        const string Rate = "optimizer.learning_rate=0.05";
        await Succeeds(_run.TrainAsync(Rate));
        var losses = Evaluations();
        var expected = EndOf(losses, patience, delta);
        Assert.InRange(expected, 1, losses.Keys.Max() - 1);
        Directory.Delete(_run.In("out/checkpoints"), recursive: true);
        string[] set = [Rate, $"evaluation.patience={patience}", string.Create(CultureInfo.InvariantCulture, $"evaluation.min_delta={delta}")];
        var run = await Succeeds(_run.TrainAsync(set));
        Assert.Contains("(evaluation.patience), so the run ends here", run.Output, StringComparison.Ordinal);
        Assert.Equal(losses.Where(loss => loss.Key <= expected), Evaluations());
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        run = await Succeeds(_run.ResumeAsync(set));
        Assert.Contains("so the run ends here", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
        GoBackTo(expected - 1);
        await Succeeds(_run.ResumeAsync(set));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    /// <summary>The checkpoint with the lowest held-out loss outlives newer ones, and the model is that one.</summary>
    [Fact]
    public async Task Train_KeepingTheBest_KeepsItsCheckpointAndWritesItsModel()
    {
        string[] set = ["optimizer.learning_rate=0.05", "checkpoint.keep=1"];
        await Succeeds(_run.TrainAsync([.. set, "checkpoint.keep=99"]));
        var losses = Evaluations();
        var best = losses.Where(loss => loss.Key > 0).MinBy(loss => loss.Value).Key;
        Assert.InRange(best, 1, losses.Keys.Max() - 3);
        GoBackTo(best);
        await Succeeds(_run.ResumeAsync([.. set, $"training.max_steps={best}"]));
        var model = _run.ModelBytes();
        Directory.Delete(_run.In("out/checkpoints"), recursive: true);

        var run = await Succeeds(_run.TrainAsync([.. set, "checkpoint.keep_best=true"]));
        Assert.Contains($"model written to {_run.Model}: that of step {best}, whose held-out loss is the lowest", run.Output, StringComparison.Ordinal);
        Assert.Equal(model, _run.ModelBytes());
        Assert.True(Directory.Exists(Checkpoint(best)));
        Assert.False(Directory.Exists(Checkpoint(best + 1)));

        // A run that goes on from a later one knows of it.
        await Succeeds(_run.ResumeAsync([.. set, "checkpoint.keep_best=true"]));
        Assert.Equal(model, _run.ModelBytes());
        Assert.True(Directory.Exists(Checkpoint(best)));
    }

    [Theory]
    [InlineData("checkpoint.keep_best=true", "evaluation.every_steps=3", "checkpoint.every_steps=2", "checkpoint.keep_best is true; it should be false unless evaluation.every_steps is a multiple")]
    [InlineData("evaluation.patience=2", "evaluation.every_steps=0", "checkpoint.every_steps=1", "evaluation.patience is 2; it should be empty")]
    [InlineData("data.group_by_length=true", "data.packing=true", "checkpoint.every_steps=1", "data.group_by_length is true; it should be false where data.packing")]
    [InlineData("schedule.warmup_ratio=0.1", "schedule.warmup_steps=1", "checkpoint.every_steps=1", "schedule.warmup_ratio is 0.1; it should be 0 where schedule.warmup_steps")]
    [InlineData("data.chat_template=chatmI", "data.packing=true", "checkpoint.every_steps=1", "data.chat_template is 'chatmI'; it should be one of alpaca, chatml, gemma, llama3, phi3, a file")]
    [InlineData("data.chat_template=./no.jinja", "data.packing=true", "checkpoint.every_steps=1", "it should be a file or folder that exists")]
    public async Task Train_KeysThatDoNotGoTogether_AreNamed(string first, string second, string third, string expected)
    {
        var run = await _run.TrainAsync(first, second, third);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    /// <summary>Each step has its line where a log asks for it.</summary>
    [Fact]
    public async Task Train_LoggingEverySteps_PrintsThoseSteps()
    {
        var run = await Succeeds(_run.TrainAsync("evaluation.every_steps=0", "evaluation.path=null", "logging.every_steps=4", "training.max_steps=10", "checkpoint.every_steps=0"));
        Assert.Equal(["step 4/10", "step 8/10", "step 10/10"], run.Output.Split('\n').Where(line => line.StartsWith("step ", StringComparison.Ordinal)).Select(line => line.Split("  ")[0]));
    }

    /// <summary>New tokens: embedding and head grow, new rows are the mean of the others, and the folder reads and trains as any.</summary>
    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public async Task Train_WithNewSpecialTokens_GrowsTheModelAndItsFolder(string precision)
    {
        var text = _run.Write("text.jsonl", "{\"text\":\"Once upon <|tool|> a time <|end_tool|>.\"}\n{\"text\":\"The end.\"}\n");
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}}, additional_special_tokens: ["<|tool|>", "<|end_tool|>"] }
            data:       { path: {{text}}, sequence_length: 64, chat_template: chatml }
            training:   { batch_size: 1, max_steps: 1, precision: {{precision}} }
            optimizer:  { learning_rate: 1e-30, weight_decay: 0 }
            output:     { directory: out }
            device:     cpu
            """);
        await Succeeds(_run.TrainAsync());
        var (before, after) = (HuggingFaceTokenizer.Load(RunFolder.Stories), HuggingFaceTokenizer.Load(_run.Model));
        var size = before.VocabularySize;
        Assert.Equal((size + 2, size + 2), (after.VocabularySize, JsonDocument.Parse(File.ReadAllText(Path.Combine(_run.Model, "config.json"))).RootElement.GetProperty("vocab_size").GetInt32()));
        Assert.Equal([size, size + 1], after.Encode("<|tool|><|end_tool|>", addSpecialTokens: false));
        Assert.Equal("", after.Decode([size, size + 1], skipSpecialTokens: true));
        Assert.Equal(before.Encode("Once upon a time.", true), after.Encode("Once upon a time.", true));
        Assert.Equal("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n", after.ChatTemplate!.Render(new Conversation([new ChatMessage("user", "a")]), addGenerationPrompt: true).Text);
        Assert.Equal(["<|tool|>", "<|end_tool|>"], JsonDocument.Parse(File.ReadAllText(Path.Combine(_run.Model, "tokenizer_config.json"))).RootElement.GetProperty("additional_special_tokens").EnumerateArray().Select(token => token.GetString()));

        if (precision == "bf16") return;
        var source = new SafetensorsReader(Path.Combine(RunFolder.Stories, "model.safetensors"));
        var trained = _run.Weights();
        foreach (var name in new[] { "model.embed_tokens.weight", "lm_head.weight" }.Intersect(trained.Names))
        {
            var (old, now) = (source.Floats(name), trained.Floats(name));
            var width = old.Length / size;
            Assert.Equal((size + 2) * width, now.Length);
            for (var i = 0; i < width; i++)
            {
                var mean = Enumerable.Range(0, size).Average(row => (double)old[(row * width) + i]);
                foreach (var row in new[] { size, size + 1 }) Assert.Equal(mean, now[(row * width) + i], 1e-6);
            }
        }

        // The written folder is a model like any other.
        await Succeeds(_run.TrainAsync($"model.path={_run.Model}", "model.additional_special_tokens=[]", $"output.directory={_run.In("again")}"));
    }

    private static async Task<Commands.CommandHarness> Succeeds(Task<Commands.CommandHarness> running)
    {
        var run = await running;
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        return run;
    }

    /// <summary>transformers' EarlyStoppingCallback, written out.</summary>
    private static long EndOf(SortedDictionary<long, double> losses, int patience, double delta)
    {
        var (best, counter) = (double.PositiveInfinity, 0);
        foreach (var (step, loss) in losses.Where(loss => loss.Key > 0))
        {
            counter = loss < best && Math.Abs(loss - best) > delta ? 0 : counter + 1;
            if (loss < best) best = loss;
            if (counter >= patience) return step;
        }

        return long.MaxValue;
    }

    private SortedDictionary<long, double> Evaluations() => new(_run.Metrics().Where(line => line.TryGetProperty("eval_loss", out _))
        .ToDictionary(line => line.GetProperty("step").GetInt64(), line => line.GetProperty("eval_loss").GetDouble()));

    private string Checkpoint(long step) => _run.In($"out/checkpoints/step-{step}");

    private void GoBackTo(long step)
    {
        foreach (var folder in Directory.GetDirectories(_run.In("out/checkpoints")))
            if (long.Parse(Path.GetFileName(folder)["step-".Length..], CultureInfo.InvariantCulture) > step) Directory.Delete(folder, recursive: true);
        Directory.Delete(_run.Model, recursive: true);
    }

    private static (long[] Ids, long[] Labels) Row(int number)
    {
        var random = new Random(number);
        long[] ids = [.. Enumerable.Range(0, 4 + random.Next(12)).Select(_ => (long)random.Next(5, 60))];
        return (ids, ids);
    }
}
