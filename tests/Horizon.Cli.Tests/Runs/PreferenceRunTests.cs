using System.Text.Json;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>training.objective</c> from a YAML file: every objective trains, measures, evaluates and resumes to the bit; what does not fit is refused.</summary>
public sealed class PreferenceRunTests : IDisposable
{
    private static readonly string[] Names = ["Tom", "Lily", "Ben", "Mia", "Max", "Sue", "Tim"];

    private readonly RunFolder _run = new();

    public PreferenceRunTests()
    {
        _run.Write("pairs.jsonl", Lines(Names, name => new { prompt = $"Once upon a time, {name} went home.", chosen = " The sun was warm.", rejected = " It was cold and all were sad." }));
        _run.Write("held-out.jsonl", Lines(["Anna", "Sam", "Lucy"], name => new { prompt = $"Once upon a time, {name} went home.", chosen = " The sun was warm.", rejected = " It was cold." }));
        _run.Write("rated.jsonl", Lines(Names, name => new { prompt = $"One day {name} slept.", completion = name.Length == 3 ? " It was good." : " The rain was cold and all were sad.", label = name.Length == 3 }));
        _run.Write("rated-held-out.jsonl", Lines(["Anna", "Sam"], name => new { prompt = $"One day {name} slept.", completion = name.Length == 3 ? " It was good." : " The rain was cold.", label = name.Length == 3 }));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: pairs.jsonl, sequence_length: 64, cache: cache }
            training:   { batch_size: 2, gradient_accumulation: 2, epochs: 2, precision: fp32, objective: { name: dpo, beta: 0.3 } }
            optimizer:  { learning_rate: 1e-3 }
            evaluation: { path: held-out.jsonl, every_steps: 2 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("dpo", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("ipo", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("hinge", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("robust", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("simpo", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("cpo", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("orpo", "rewards/chosen rewards/rejected rewards/margins rewards/accuracies")]
    [InlineData("kto", "rewards/desirable rewards/undesirable kl")]
    public async Task Train_EachObjective_LowersItsLossAndWritesItsMetrics(string name, string metrics)
    {
        string[] data = name == "kto" ? ["data.path=" + _run.In("rated.jsonl"), "evaluation.path=" + _run.In("rated-held-out.jsonl")] : [];
        var run = await _run.TrainAsync([$"training.objective.name={name}", "optimizer.learning_rate=5e-5", .. name == "orpo" ? (string[])["training.objective.beta=null", "training.objective.lambda=0.5"] : [], .. data]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        var steps = _run.Metrics().Where(line => line.TryGetProperty("loss", out _)).ToList();
        Assert.Equal(4, steps.Count);
        Assert.True(_run.Metric("eval_loss").Last() < _run.Metric("eval_loss").First());
        var counted = name == "kto" ? metrics.Split(' ')[2..] : metrics.Split(' ');
        foreach (var metric in counted) Assert.All(steps, step => Assert.True(step.TryGetProperty(metric, out _), $"{metric} is missing in {step}"));
        foreach (var metric in metrics.Split(' ')) Assert.NotEmpty(_run.Metric(metric));
        Assert.NotEmpty(_run.Metric($"eval_{counted[0]}"));
        Assert.Contains(counted[0], run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_Dpo_BeginsAtLnTwoAndEndsWithHigherRewards()
    {
        var run = await _run.TrainAsync("training.epochs=4");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(Math.Log(2), _run.Metric("loss").First(), 1e-6);
        Assert.Equal(Math.Log(2), _run.Metric("eval_loss").First(), 1e-6);
        Assert.Equal(0, _run.Metric("rewards/margins").First(), 1e-5);
        Assert.Equal(0, _run.Metric("eval_rewards/accuracies").First());
        Assert.True(_run.Metric("eval_rewards/margins").Last() > 0.01);
        Assert.Equal(1, _run.Metric("eval_rewards/accuracies").Last());
    }

    /// <summary>The reference is the base as it is, whose adapters change nothing yet; a resumed run has the bits of one that never stopped.</summary>
    [Fact]
    public async Task Train_DpoWithAdapters_LearnsInThemAloneAndResumesExactly()
    {
        string[] set = ["training.adapter.rank=4", "optimizer.learning_rate=1e-2", "training.epochs=4"];
        var run = await _run.TrainAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(Math.Log(2), _run.Metric("loss").First(), 1e-6);
        Assert.True(_run.Metric("eval_rewards/margins").Last() > 0.01);
        Assert.False(File.Exists(Path.Combine(_run.Model, "model.safetensors")));
        var adapter = Path.Combine(_run.Model, "adapter_model.safetensors");
        var (model, metrics) = (await File.ReadAllBytesAsync(adapter), _run.LastingMetrics());
        foreach (var later in Directory.GetDirectories(_run.In("out/checkpoints")).Where(folder => int.Parse(folder[(folder.LastIndexOf('-') + 1)..], System.Globalization.CultureInfo.InvariantCulture) > 3)) Directory.Delete(later, recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        var resumed = await _run.ResumeAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (resumed.ExitCode, resumed.Error));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, await File.ReadAllBytesAsync(adapter));
    }

    /// <summary>A second store says of the data what the first weights said before training, and nothing is kept; a resumed run loads it anew.</summary>
    [Theory]
    [InlineData("dpo")]
    [InlineData("kto")]
    public async Task Train_HeldReference_IsTheKeptOne(string name)
    {
        string[] set = [$"training.objective.name={name}",
            .. name == "kto" ? (string[])["data.path=" + _run.In("rated.jsonl"), "evaluation.path=" + _run.In("rated-held-out.jsonl")] : []];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        var (kept, keptHeld) = (_run.Metric("loss").ToList(), _run.Metric("eval_loss").ToList());
        Directory.Delete(_run.In("cache"), recursive: true);
        Directory.Delete(_run.Output, recursive: true);
        set = [.. set, "training.objective.reference=held"];
        var run = await _run.TrainAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        foreach (var (one, other) in kept.Concat(keptHeld).Zip(_run.Metric("loss").Concat(_run.Metric("eval_loss")))) Assert.Equal(one, other, 1e-6);
        Assert.False(Directory.Exists(_run.In("cache/reference")));
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        for (var later = 3; later <= 4; later++) Directory.Delete(_run.In($"out/checkpoints/step-{later}"), recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        var resumed = await _run.ResumeAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (resumed.ExitCode, resumed.Error));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
        Assert.Contains("reference", (await _run.RunAsync(["plan", _run.In("run.yaml"), .. set.SelectMany(one => (string[])["--set", one])])).Output, StringComparison.Ordinal);
    }

    /// <summary>With the reference as it was kept, without it (the first weights are streamed again), and where none is kept.</summary>
    [Theory]
    [InlineData(2, "kept", "dpo")]
    [InlineData(3, "gone", "dpo")]
    [InlineData(3, "damaged", "dpo")]
    [InlineData(2, "never", "dpo")]
    [InlineData(3, "gone", "kto")]
    [InlineData(3, "kept", "simpo")]
    [InlineData(1, "kept", "ipo")]
    [InlineData(2, "kept", "hinge")]
    [InlineData(3, "kept", "robust")]
    [InlineData(1, "kept", "cpo")]
    [InlineData(2, "kept", "orpo")]
    public async Task Resume_InAnyPlace_GivesTheModelAndMetricsOfTheUninterruptedRun(int step, string reference, string name)
    {
        string[] set = [$"training.objective.name={name}", .. name == "orpo" ? (string[])["training.objective.beta=null"] : [], .. reference == "never" ? (string[])["data.cache=false"] : [],
            .. name == "kto" ? (string[])["data.path=" + _run.In("rated.jsonl"), "evaluation.path=" + _run.In("rated-held-out.jsonl")] : []];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        for (var later = step + 1; later <= 4; later++) Directory.Delete(_run.In($"out/checkpoints/step-{later}"), recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        if (reference == "gone") Directory.Delete(_run.In("cache"), recursive: true);
        if (reference == "damaged") foreach (var file in Directory.GetFiles(_run.In("cache/reference"))) File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
        var run = await _run.ResumeAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(reference != "kept", run.Output.Contains("log-probabilities of", StringComparison.Ordinal));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Train_SecondStart_FindsTheReference_AnotherModelOrDataDoesNot()
    {
        string[] Into(string folder) => ["training.objective.beta=1", "output.directory=" + _run.In(folder)];
        Assert.Contains("log-probabilities of 14 sequences", (await _run.TrainAsync()).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("log-probabilities", (await _run.TrainAsync(Into("a"))).Output, StringComparison.Ordinal);
        Assert.Contains("log-probabilities of 14", (await _run.TrainAsync([.. Into("b"), "model.path=" + _run.In("out/model")])).Output, StringComparison.Ordinal);
        Assert.Contains("log-probabilities of 12", (await _run.TrainAsync([.. Into("c"), "data.max_samples=6"])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_OtherFirstWeights_IsRefused()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var moved = _run.In("moved");
        Directory.Move(_run.Model, moved);
        var run = await _run.ResumeAsync($"model.path={moved}");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("what model.path names is not what the run began with, and training is relative to it", run.Error, StringComparison.Ordinal);
        run = await _run.ResumeAsync("training.objective.name=ipo");
        Assert.Contains("training.objective.name is dpo there, ipo here", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_HeldOutShare_IsLeftOutOfTraining()
    {
        var run = await _run.TrainAsync("evaluation.path=null", "evaluation.fraction=0.3", "training.objective.name=simpo");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("steps 1 to 4 (4 steps, 2 epochs of 2 steps", run.Output, StringComparison.Ordinal);
        Assert.NotEmpty(_run.Metric("eval_loss"));
    }

    [Theory]
    [InlineData("training.objective.name=dop", "training.objective.name is 'dop'; it should be one of next_token, dpo, ipo, hinge, robust, kto, orpo, simpo, cpo, reward, distillation, grpo, dapo, dr_grpo, gspo; the nearest is dpo.")]
    [InlineData("training.objective.margin=1", "training.objective.margin is 1; it should be left out: dpo has the options beta, label_smoothing, length_normalised, reference.")]
    [InlineData("training.objective.name=next_token", "training.objective.beta is 0.3; it should be left out: next_token has no options.")]
    [InlineData("training.objective.beta=0", "training.objective.beta is 0; it should be more than 0.")]
    [InlineData("training.objective.label_smoothing=0.5", "training.objective.label_smoothing is 0.5; it should be at least 0 and less than 0.5.")]
    [InlineData("training.objective.label_smothing=0.1", "the nearest known key is 'training.objective.label_smoothing'")]
    [InlineData("data.train_on=all", "data.train_on cannot be had with preferences")]
    [InlineData("data.format=text", "another data.format than pairs cannot be had with preferences")]
    public async Task Train_WhatDoesNotFit_IsRefused(string set, string expected)
    {
        var run = await _run.TrainAsync(set);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_BadRecords_AreNamedByLine()
    {
        _run.Write("pairs.jsonl", "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}\n{\"prompt\":\"a\",\"chosen\":\"b\"}\n");
        var run = await _run.TrainAsync();
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("pairs.jsonl, line 2: 'rejected' is missing", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_OfPairs_ShowsBothAnswers()
    {
        var run = await _run.RunAsync("data", _run.In("run.yaml"), "--examples", "2");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("documents: 14\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("⟦The sun was warm.", run.Output, StringComparison.Ordinal);
        Assert.Contains("⟦It was cold and all were sad.", run.Output, StringComparison.Ordinal);
        Assert.Contains("4 steps, 2 epochs of 2 steps", (await _run.RunAsync("plan", _run.In("run.yaml"))).Output, StringComparison.Ordinal);
    }

    private static string Lines<T>(IEnumerable<string> names, Func<string, T> record) => string.Concat(names.Select(name => JsonSerializer.Serialize(record(name)) + "\n"));
}
