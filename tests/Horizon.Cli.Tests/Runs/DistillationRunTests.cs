namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Distillation from a YAML file: a random student learns from the quickstart's model, beside it or with what was stored of it.</summary>
public sealed class DistillationRunTests : IDisposable
{
    private readonly RunFolder _run = new();

    public DistillationRunTests()
    {
        _run.Write("text.txt", string.Join('\n', Enumerable.Range(0, 40).Select(i => $"Once upon a time, there was a little girl with {i} red balls. She loved to play with them.")));
        _run.Write("held-out.txt", "One day, a little boy had a red ball. He loved to play with it.");
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}}, init: random }
            data:       { path: text.txt, sequence_length: 64 }
            training:   { batch_size: 2, max_steps: 6, precision: fp32, objective: { name: distillation, teacher: {{RunFolder.Stories}}, top_k: 8 } }
            optimizer:  { learning_rate: 3e-3 }
            evaluation: { path: held-out.txt, every_steps: 3 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("forward", "8", "1")]
    [InlineData("reverse", "8", "2")]
    [InlineData("forward", "null", "2")]
    [InlineData("reverse", "null", "1")]
    public async Task Train_AnyDivergence_ComesNearerToTheTeacher(string divergence, string topK, string temperature)
    {
        var run = await _run.TrainAsync($"training.objective.divergence={divergence}", $"training.objective.top_k={topK}", $"training.objective.temperature={temperature}");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(6, _run.Metric("divergence").Count());
        if (divergence == "forward") Assert.True(_run.Metric("divergence").Last() < _run.Metric("divergence").First());
        Assert.True(_run.Metric("eval_loss").Last() < _run.Metric("eval_loss").First());
        Assert.Contains("teacher", (await _run.RunAsync("plan", _run.In("run.yaml"))).Output, StringComparison.Ordinal);
    }

    /// <summary>With the teacher beside the student, and with a file that is made at the first start and needs no teacher later.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Resume_InTheMiddle_GivesTheModelAndMetricsOfTheUninterruptedRun(bool stored)
    {
        string[] set = stored ? ["training.objective.logits=" + _run.In("teacher.logits")] : [];
        var first = await _run.TrainAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (first.ExitCode, first.Error));
        Assert.Equal(stored, first.Output.Contains("what the teacher says was written to", StringComparison.Ordinal));
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        for (var later = 4; later <= 6; later++) Directory.Delete(_run.In($"out/checkpoints/step-{later}"), recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        var run = await _run.ResumeAsync([.. set, .. stored ? (string[])["training.objective.teacher=null"] : []]);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    [Fact]
    public async Task Train_StoredAndBeside_AreTheSame()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var losses = _run.Metric("loss").ToList();
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("training.objective.logits=" + _run.In("teacher.logits"), "output.directory=" + _run.In("stored"))).ExitCode);
        var stored = File.ReadLines(_run.In("stored/metrics.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement).Where(line => line.TryGetProperty("loss", out _)).Select(line => line.GetProperty("loss").GetDouble()).ToList();
        Assert.Equal(losses.Count, stored.Count);
        foreach (var (one, other) in losses.Zip(stored)) Assert.Equal(one, other, 1e-5);
    }

    [Fact]
    public async Task Resume_OtherTeacher_IsRefused()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        Directory.Move(_run.Model, _run.In("moved"));
        var run = await _run.ResumeAsync("training.max_steps=7", "training.objective.teacher=" + _run.In("moved"));
        Assert.Contains("what training.objective.teacher names is not what the run began with, and training is relative to it", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("training.objective.teacher=null", "training.objective.teacher is missing; set it to the model folder to learn from.")]
    [InlineData("training.objective.cross_entropy_weight=2", "training.objective.cross_entropy_weight is 2; it should be from 0 to 1.")]
    [InlineData("training.objective.divergence=both", "it should be one of forward, reverse.")]
    [InlineData("training.objective.top_k=512", "512 of the teacher's tokens are to be told apart, and there are 512; take fewer")]
    [InlineData("training.objective.beta=1", "it should be left out: distillation has the options teacher, logits, top_k, temperature, divergence, cross_entropy_weight.")]
    public async Task Train_WhatDoesNotFit_IsRefused(string set, string expected)
    {
        var run = await _run.TrainAsync(set);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_FileOfOtherSettingsOrData_IsRefused()
    {
        string[] set = ["training.objective.logits=" + _run.In("teacher.logits")];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        string[] again = [.. set, "output.directory=" + _run.In("again")];
        Assert.Contains("has 8 tokens of each label at temperature 1, but training.objective asks for 4 at 1", (await _run.TrainAsync([.. again, "training.objective.top_k=4"])).Error, StringComparison.Ordinal);
        Assert.Contains("does not know sequence", (await _run.TrainAsync([.. again, "data.sequence_length=48"])).Error, StringComparison.Ordinal);
        Assert.Contains("training.objective.top_k is empty", (await _run.TrainAsync([.. again, "training.objective.top_k=null"])).Error, StringComparison.Ordinal);
    }
}
