namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>horizon train --resume</c>: what it goes on from, what it refuses, and that nothing shows of the interruption.</summary>
public sealed class ResumeTests : IDisposable
{
    private readonly RunFolder _run = new();

    public ResumeTests()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 7).Select(Row));
        _run.WriteTokens("held-out.jsonl", Enumerable.Range(20, 4).Select(Row));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, gradient_accumulation: 2, epochs: 2, precision: fp32 }
            optimizer:  { learning_rate: 1e-3 }
            schedule:   { name: cosine, warmup_steps: 5 }
            evaluation: { path: held-out.jsonl, every_steps: 2 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>From the middle of an epoch, of the warm-up and of a tied model, with an evaluation that was due just then.</summary>
    [Theory]
    [InlineData("adamw", "fp32", 2)]
    [InlineData("muon", "bf16", 3)]
    [InlineData("adamw", "fp8", 3)]
    [InlineData("adafactor", "bf16", 6)]
    public async Task Resume_InAnyPlace_GivesTheModelAndMetricsOfTheUninterruptedRun(string optimizer, string precision, int step)
    {
        string[] set = [$"optimizer.name={optimizer}", $"training.precision={precision}"];
        var (model, metrics) = await UninterruptedAsync(set);
        GoBackTo(step);
        var run = await _run.ResumeAsync(["pipeline.device_buffers=1", "pipeline.gradient_slabs=1", "pipeline.checkpoint_buffers=0", "training.recompute_interval=3", .. set]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains($"going on from {Checkpoint(step)}\n", run.Output, StringComparison.Ordinal);
        Assert.Contains($"steps {step + 1} to 8", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Resume_AfterTheLastStep_WritesTheModelAgain()
    {
        var (model, metrics) = await UninterruptedAsync();
        Directory.Delete(_run.Model, recursive: true);
        var run = await _run.ResumeAsync();
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("all 8 steps are done", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Resume_NewestDamaged_SaysSoAndGoesOnFromTheOlderOne()
    {
        var (model, metrics) = await UninterruptedAsync();
        GoBackTo(4);
        var damaged = Directory.GetFiles(Checkpoint(4), "*.safetensors")[1];
        var bytes = File.ReadAllBytes(damaged);
        bytes[^1] ^= 1;
        File.WriteAllBytes(damaged, bytes);
        var run = await _run.ResumeAsync();
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains($"{damaged} is damaged: its checksum is not the manifest's; going on from the older {Checkpoint(3)}\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());

        foreach (var step in Directory.GetDirectories(_run.In("out/checkpoints"))) File.Delete(Path.Combine(step, "unit-00000.safetensors"));
        run = await _run.ResumeAsync();
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("error: no checkpoint in", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("optimizer.name=lion", "the optimizer is adamw there, lion here")]
    [InlineData("training.precision=bf16", "the precision is Fp32 there, Bf16 here")]
    [InlineData("training.freeze=[layer 1]", "unit 'layer 1' is trained there, frozen here")]
    [InlineData("training.seed=7", "training.seed is 42 there, 7 here")]
    [InlineData("data.packing=true", "data.packing is false there, true here")]
    [InlineData("data.too_long=split", "data.too_long is auto there, split here")]
    [InlineData("data.train_on=last", "data.train_on is answers there, last here")]
    [InlineData("data.path=held-out.jsonl", "the tokens of data.path are not those that the run began with: data.path is FOLDER/rows.jsonl there, FOLDER/held-out.jsonl here")]
    [InlineData("evaluation.fraction=0.5", "the tokens of data.path are not those that the run began with: evaluation.fraction is 0 there, 0.5 here")]
    public async Task Resume_AnotherRunsConfiguration_IsRefusedWithAllDifferences(string set, string expected)
    {
        await TrainShortlyAsync();
        var before = Files();
        string[] sets = set.StartsWith("evaluation.fraction", StringComparison.Ordinal) ? [set, "evaluation.path=null"] : [set.Replace("held-out.jsonl", _run.In("held-out.jsonl"), StringComparison.Ordinal)];
        expected = expected.Replace("FOLDER", _run.Path, StringComparison.Ordinal);
        var run = await _run.ResumeAsync([.. sets, "training.batch_size=2"]);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.StartsWith($"error: the checkpoint {Checkpoint(2)} is not one of this run;", run.Error, StringComparison.Ordinal);
        Assert.Contains("error: training.batch_size is 1 there, 2 here\n", run.Error, StringComparison.Ordinal);
        if (!expected.StartsWith("the tokens", StringComparison.Ordinal)) Assert.Contains($"error: {expected}\n", run.Error, StringComparison.Ordinal);
        run = await _run.ResumeAsync(sets);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.EndsWith($"error: {expected}\n", run.Error, StringComparison.Ordinal);
        Assert.Equal(before, Files());
    }

    /// <summary>Where no setting says why the tokens differ, what else they come from is named.</summary>
    [Theory]
    [InlineData("data.date=null", "its files or the tokenizer are others, or a chat template writes today's date, which data.date sets")]
    [InlineData("data.date=2026-01-31", "its files or the tokenizer are others")]
    public async Task Resume_OtherFilesOfTheSameName_IsRefused(string date, string expected)
    {
        string[] set = [date, "data.path=null", $"data.sets=[{{ path: {_run.In("rows.jsonl")} }}]"];
        await TrainShortlyAsync(set);
        _run.WriteTokens("rows.jsonl", Enumerable.Range(1, 7).Select(Row));
        var run = await _run.ResumeAsync(set);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.EndsWith($"error: the tokens of data.sets are not those that the run began with: {expected}\n", run.Error, StringComparison.Ordinal);
    }

    /// <summary>The layout is the same; what the operators do is not.</summary>
    [Fact]
    public async Task Resume_AnotherModelOfTheSameShapes_IsRefused()
    {
        await TrainShortlyAsync();
        var model = _run.CopyModel(RunFolder.Data("reference", "qwen2-tied"));
        var config = Path.Combine(model, "config.json");
        Assert.Equal(ExitCodes.Success, (await _run.ResumeAsync($"model.path={model}")).ExitCode);
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"rms_norm_eps\": ", "\"rms_norm_eps\": 1", StringComparison.Ordinal));
        var run = await _run.ResumeAsync($"model.path={model}");
        Assert.Contains($"{config} does not describe the model that the run began with", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_WithAnotherRateAndLength_GoesOnAndSaysWhatChanged()
    {
        await TrainShortlyAsync();
        var run = await _run.ResumeAsync("optimizer.learning_rate=5e-4", "schedule.name=constant", "training.max_steps=4");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("changed for the steps to come: training.max_steps from 2 to 4, optimizer.learning_rate from 0.001 to 0.0005, schedule.name from cosine to constant\n", run.Output, StringComparison.Ordinal);
        Assert.Equal([4e-4, 3e-4, 4e-4], _run.Metric("learning_rate").Skip(1).Select(rate => Math.Round(rate, 8)));
    }

    /// <summary>The last bits depend on the number of threads, and the machine that goes on may have another number of processors.</summary>
    [Fact]
    public async Task Resume_WithoutANumberOfThreads_KeepsTheOneItBeganWith()
    {
        string[] set = ["training.max_steps=2", "evaluation.every_steps=0", "evaluation.path=null"];
        var run = await _run.TrainAsync([.. set, "training.cpu_threads=3"]);
        Assert.Contains("on cpu (3 threads)", run.Output, StringComparison.Ordinal);
        run = await _run.ResumeAsync([.. set, "training.max_steps=3"]);
        Assert.Contains("on cpu (3 threads)", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("cpu_threads", run.Output, StringComparison.Ordinal);
        run = await _run.ResumeAsync([.. set, "training.max_steps=4", "training.cpu_threads=1"]);
        Assert.Contains("training.cpu_threads is 1, the run began with 3: the steps to come will agree with it to rounding, not to the bit\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("on cpu (1 thread)", run.Output, StringComparison.Ordinal);
    }

    /// <summary>On the CPU the bits are the same either way; where they may change, the user has read it.</summary>
    [Fact]
    public async Task Resume_WithoutDeterminism_IsSaidAloudAndChangesNothingOnTheCpu()
    {
        var (model, metrics) = await UninterruptedAsync();
        GoBackTo(3);
        var run = await _run.ResumeAsync("training.deterministic=false");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("changed for the steps to come: training.deterministic from true to false\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Train_BesideCheckpointsWithoutResume_IsRefusedAndTouchesNothing()
    {
        await TrainShortlyAsync();
        var before = Files();
        var run = await _run.TrainAsync();
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("has checkpoints of an earlier run, up to step 2", run.Error, StringComparison.Ordinal);
        Assert.Equal(before, Files());
    }

    [Fact]
    public async Task Resume_WithoutCheckpoint_BeginsAloudOrRefusesAFinishedRun()
    {
        var run = await _run.ResumeAsync("training.max_steps=1", "checkpoint.every_steps=0");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("--resume: there is no checkpoint in", run.Output, StringComparison.Ordinal);
        run = await _run.ResumeAsync("training.max_steps=1", "checkpoint.every_steps=0");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("error: --resume: a run has ended in", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlanAndGraph_WithCheckpoints_ShowTheirCopiesAndStages()
    {
        var plan = await _run.RunAsync("plan", _run.In("run.yaml"));
        Assert.Contains("checkpoint copies", plan.Output, StringComparison.Ordinal);
        var graph = await _run.RunAsync("graph", _run.In("run.yaml"));
        Assert.Contains("protect", graph.Output, StringComparison.Ordinal);
    }

    private static (long[] Ids, long[] Labels) Row(int number)
    {
        long[] ids = [.. Enumerable.Range(0, 5 + (number % 10)).Select(place => (long)(((number * 31) + (place * place * 7)) % 320))];
        return (ids, ids);
    }

    private string Checkpoint(int step) => _run.In($"out/checkpoints/step-{step}");

    private async Task<(byte[] Model, List<string> Metrics)> UninterruptedAsync(params string[] set)
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(["checkpoint.every_steps=0", .. set])).ExitCode);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        // The same again, with checkpoints: they change nothing.
        Directory.Delete(_run.Output, recursive: true);
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
        return (model, metrics);
    }

    // As a run looks that was killed after this step's checkpoint, some steps further on.
    private void GoBackTo(int step)
    {
        Directory.Delete(_run.Model, recursive: true);
        for (var later = step + 1; later <= 8; later++)
            if (Directory.Exists(Checkpoint(later))) Directory.Delete(Checkpoint(later), recursive: true);
    }

    private async Task TrainShortlyAsync(params string[] set) =>
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(["training.max_steps=2", "evaluation.every_steps=0", "evaluation.path=null", .. set])).ExitCode);

    private List<(string, DateTime)> Files() =>
        [.. Directory.GetFiles(_run.Output, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => (file, File.GetLastWriteTimeUtc(file)))];
}
