using System.Text.Json.Nodes;
using Horizon.Flow.Cli.Tests.Commands;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>What a configured run does and leaves.</summary>
public sealed class TrainingRunTests : IDisposable
{
    private readonly RunFolder _run = new();

    public TrainingRunTests()
    {
        // Seven rows of 5, 6, … 11 tokens, and four held-out ones.
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 7).Select(Row));
        _run.WriteTokens("held-out.jsonl", Enumerable.Range(20, 4).Select(Row));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false, shuffle: false }
            training:   { batch_size: 1, gradient_accumulation: 2, epochs: 2, precision: fp32 }
            optimizer:  { learning_rate: 1e-3 }
            evaluation: { path: held-out.jsonl, every_steps: 3 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Train_TwoEpochs_KeepsTheSmallerLastStepAndEvaluatesAtBothEndsAndBetween()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("optimizer.groups=[]")).ExitCode);
        Assert.Equal([11, 15, 19, 11, 11, 15, 19, 11], _run.Metric("tokens").Select(tokens => (int)tokens));
        var looked = _run.Metrics().Where(line => line.TryGetProperty("eval_loss", out _)).Select(line => line.GetProperty("step").GetInt32());
        Assert.Equal([0, 3, 6, 8], looked);
        Assert.True(_run.Metric("eval_loss").Last() < _run.Metric("eval_loss").First());
    }

    /// <summary>The share that is held out is as if it lay in a file of its own.</summary>
    [Fact]
    public async Task Train_FractionHeldOut_IsTheRunOfTwoFiles()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("evaluation.path=null", "evaluation.fraction=0.3")).ExitCode);
        var metrics = _run.LastingMetrics();
        var source = BatchSource.Open(new() { Path = _run.In("rows.jsonl"), HeldOutShare = 0.3 }, null, 320, 1, 0);
        Assert.Equal((5, 2), (source.Documents.Count, source.HeldOut!.Documents.Count));
        foreach (var (name, part) in ((string, BatchSource)[])[("train", source), ("rest", source.HeldOut)])
            _run.WriteTokens($"{name}.jsonl", part.Documents.Select(document => (Array.ConvertAll(document.InputIds, id => (long)id), Array.ConvertAll(document.Labels, id => (long)id))));
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync($"data.path={_run.In("train.jsonl")}", $"evaluation.path={_run.In("rest.jsonl")}")).ExitCode);
        Assert.Equal(metrics, _run.LastingMetrics());
    }

    /// <summary>Whether a tokenizer is needed depends on what is read, set by set.</summary>
    [Theory]
    [InlineData("text", "tokens", true)]
    [InlineData("tokens", "auto", true)]
    [InlineData("tokens", "text", false)]
    public async Task Data_SetsWithoutATokenizer_AreReadWhereTheyAreTokens(string format, string formatOfSet, bool isRead)
    {
        var run = await _run.RunAsync("data", _run.In("run.yaml"), "--set", "data.path=null", "--set", $"data.format={format}", "--set", "evaluation.path=null", "--set", "evaluation.every_steps=0",
            "--set", $"data.sets=[{{ path: {_run.In("rows.jsonl")}, format: {formatOfSet} }}]");
        Assert.Equal(isRead ? (ExitCodes.Success, true) : (ExitCodes.Failure, false), (run.ExitCode, run.Error.Length == 0));
        if (!isRead) Assert.Contains("tokenizer.json", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Graph_OfARun_ShowsMeasuredSharesAndOneBottleneck()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var drawn = await _run.RunAsync("graph", _run.In("run.yaml"), "--run", _run.Output);
        Assert.Equal(ExitCodes.Success, drawn.ExitCode);
        Assert.Equal(21, drawn.Output.Split("busy ").Length - 1);
        Assert.Single(drawn.Output.Split('\n'), line => line.Contains("stroke-width:4px", StringComparison.Ordinal));
        var none = await _run.RunAsync("graph", _run.In("run.yaml"), "--run", _run.In("nowhere"));
        Assert.Equal(ExitCodes.Failure, none.ExitCode);
        Assert.Contains("has no stages.json", none.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("3", "2", 3)]
    [InlineData("99", "2", 8)]
    [InlineData("0", "2", 8)]
    [InlineData("null", "2", 8)]
    [InlineData("10", "null", 10)]
    [InlineData("null", "null", 4)]
    public async Task Train_StepsAndEpochs_EndsAtWhicheverIsGivenAndSaysSo(string maxSteps, string epochs, int expected)
    {
        var run = await _run.TrainAsync($"training.max_steps={maxSteps}", $"training.epochs={epochs}", "evaluation.path=null", "evaluation.every_steps=0");
        Assert.Equal(ExitCodes.Success, run.ExitCode);
        Assert.Equal(expected, _run.Metrics().Count);
        Assert.Contains($": steps 1 to {expected} ({expected} steps, {expected / 4.0:0.##} epoch", run.Output, StringComparison.Ordinal);
        var plan = await _run.RunAsync("plan", _run.In("run.yaml"), "--set", $"training.max_steps={maxSteps}", "--set", $"training.epochs={epochs}");
        Assert.Contains($"length: {expected} steps, {expected / 4.0:0.##} epoch", plan.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_DataOutOfReach_SaysThatTheLengthIsNotKnown()
    {
        var plan = await _run.RunAsync("plan", _run.In("run.yaml"), "--set", $"data.path={_run.In("none.jsonl")}");
        Assert.Equal(ExitCodes.Success, plan.ExitCode);
        Assert.Contains("length: not known: ", plan.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_OverAFinishedRun_IsRefusedUntilAskedFor()
    {
        Task<CommandHarness> Train(params string[] more) => _run.RunAsync(["train", _run.In("run.yaml"), "--set", "training.max_steps=1", .. more]);
        Assert.Equal(ExitCodes.Success, (await Train()).ExitCode);
        var (model, metrics) = (_run.ModelBytes(), File.ReadAllText(_run.In("out/metrics.jsonl")));
        var run = await Train();
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.StartsWith($"error: a run has ended in output.directory {_run.Output}, and left its model there; ", run.Error, StringComparison.Ordinal);
        Assert.Contains("set output.overwrite: true", run.Error, StringComparison.Ordinal);
        Assert.Equal(model, _run.ModelBytes());
        Assert.Equal(metrics, File.ReadAllText(_run.In("out/metrics.jsonl")));
        Assert.Equal(ExitCodes.Success, (await Train("--set", "output.overwrite=true", "--set", "training.seed=7", "--set", "data.shuffle=true")).ExitCode);
        Assert.NotEqual(metrics, File.ReadAllText(_run.In("out/metrics.jsonl")));
    }

    [Fact]
    public async Task Train_SameConfiguration_SameMetricsAndModel()
    {
        string[] set = ["data.shuffle=true", "training.precision=bf16", "pipeline.device_buffers=3"];
        await _run.TrainAsync(set);
        var (metrics, model) = (_run.LastingMetrics(), _run.ModelBytes());
        await _run.TrainAsync(["pipeline.device_buffers=1", "pipeline.gradient_slabs=1", "pipeline.activations=offload", .. set[..2]]);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
        await _run.TrainAsync(["training.seed=7", .. set]);
        Assert.NotEqual(metrics, _run.LastingMetrics());
    }

    [Fact]
    public async Task Train_RandomInit_NeedsTheConfigurationAloneAndDependsOnTheSeed()
    {
        var model = _run.CopyModel(RunFolder.Data("reference", "qwen2-tied"));
        File.Delete(Path.Combine(model, "model.safetensors"));
        string[] set = [$"model.path={model}", "model.init=random", "optimizer.learning_rate=1e-30"];
        Assert.Equal((ExitCodes.Success, ""), await Outcome(set));
        var drawn = _run.Weights().AllFloats();
        var table = drawn["model.embed_tokens.weight"];
        Assert.Equal(0.02, Numbers.Norm(table) / Math.Sqrt(table.Length), 2e-3);
        Assert.All(drawn["model.norm.weight"], weight => Assert.Equal(1, weight));

        Assert.Equal((ExitCodes.Success, ""), await Outcome(set));
        Assert.All(_run.Weights().AllFloats(), pair => Assert.Equal(drawn[pair.Key], pair.Value));
        Assert.Equal((ExitCodes.Success, ""), await Outcome(["training.seed=7", .. set]));
        Assert.NotEqual(table, _run.Weights().Floats("model.embed_tokens.weight"));
    }

    [Fact]
    public async Task Train_FrozenUnitsAndGroups_StayAsTheyWere()
    {
        Assert.Equal((ExitCodes.Success, ""), await Outcome("training.freeze=[layer 1, layer 2]", "training.max_steps=2"));
        var before = new SafetensorsReader(RunFolder.Data("reference", "qwen2-tied", "model.safetensors"));
        var after = _run.Weights();
        bool IsFrozen(string name) => name.StartsWith("model.layers.1.", StringComparison.Ordinal) || name.StartsWith("model.layers.2.", StringComparison.Ordinal);
        Assert.All(after.Names, name => Assert.Equal(IsFrozen(name), before.Floats(name).AsSpan().SequenceEqual(after.Floats(name))));
    }

    [Fact]
    public async Task Train_GroupWithoutARate_KeepsItsParameters()
    {
        var yaml = File.ReadAllText(_run.In("run.yaml")).Replace("learning_rate: 1e-3", "learning_rate: 1e-3, groups: [{ pattern: '*norm.weight', learning_rate_factor: 0 }, { pattern: '*.bias' }]", StringComparison.Ordinal);
        _run.Write("run.yaml", yaml);
        var run = await _run.TrainAsync("training.max_steps=2");
        Assert.Equal(ExitCodes.Success, run.ExitCode);
        var before = new SafetensorsReader(RunFolder.Data("reference", "qwen2-tied", "model.safetensors"));
        var after = _run.Weights();
        Assert.All(after.Names, name => Assert.Equal(name.EndsWith("norm.weight", StringComparison.Ordinal), before.Floats(name).AsSpan().SequenceEqual(after.Floats(name))));
    }

    [Theory]
    [InlineData("layers.*.mlp.up_proj.wieght", "near are model.layers.*.mlp.up_proj.weight, ")]
    [InlineData("*.q_porj.weight", "near are model.layers.*.self_attn.q_proj.weight, ")]
    public async Task Train_GroupThatMatchesNothing_IsRefusedWithNearNames(string pattern, string near)
    {
        var run = await _run.TrainAsync($"optimizer.groups=[{{ pattern: '{pattern}', weight_decay: 0 }}]");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains($"optimizer.groups: '{pattern}' is the name of no parameter of the model; {near}", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Gradients of a learning rate of 0 change nothing, so that what decays shows in what does not: norms and biases.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Train_DefaultGroups_DecayNeitherNormsNorBiases(bool all)
    {
        var set = new[] { "optimizer.name=sgd", "optimizer.momentum=0", "training.max_grad_norm=1e-30", "optimizer.learning_rate=1e-3", "optimizer.weight_decay=100", "training.max_steps=1" };
        Assert.Equal((ExitCodes.Success, ""), await Outcome(all ? [.. set, "optimizer.groups=[]"] : set));
        var before = new SafetensorsReader(RunFolder.Data("reference", "qwen2-tied", "model.safetensors"));
        var after = _run.Weights();
        Assert.Contains(after.Names, name => name.EndsWith(".bias", StringComparison.Ordinal));
        Assert.All(after.Names, name =>
        {
            var decays = all || !(name.EndsWith("norm.weight", StringComparison.Ordinal) || name.EndsWith(".bias", StringComparison.Ordinal));
            var expected = before.Floats(name).Select(weight => decays ? weight * 0.9f : weight).ToArray();
            Assert.Equal(0, Numbers.RelativeError(expected, after.Floats(name)), 1e-6);
        });
    }

    [Fact]
    public async Task Train_LargeInterval_RaisesTheBuffersAndSaysSo()
    {
        var run = await _run.TrainAsync("training.recompute_interval=99", "training.max_steps=1");
        Assert.Equal(ExitCodes.Success, run.ExitCode);
        Assert.Contains("pipeline.device_buffers is raised from 2 to 4", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_EndingWithinTheWarmUp_HasItsRates()
    {
        var run = await _run.TrainAsync("schedule.name=wsd", "schedule.warmup_steps=10", "training.max_steps=2");
        Assert.Equal(ExitCodes.Success, run.ExitCode);
        Assert.Contains("schedule.warmup_steps is 10, but the run ends after 2 steps", run.Output, StringComparison.Ordinal);
        Assert.Equal([1e-4, 2e-4], _run.Metric("learning_rate").Select(rate => Math.Round(rate, 12)));
    }

    [Theory]
    [InlineData("lf_identity.json", false)]
    [InlineData("lf_v1_sft_demo.jsonl", true)]
    [InlineData("megatrain_alpaca_en_demo.json", true)]
    public async Task Train_Conversations_LearnsThem(string data, bool packing)
    {
        var model = _run.CopyModel(RunFolder.Data("qwen3-mini-tokenizer"));
        var config = JsonNode.Parse(File.ReadAllText(RunFolder.Data("reference", "qwen3", "config.json")))!;
        config["vocab_size"] = 2074;
        File.WriteAllText(Path.Combine(model, "config.json"), config.ToJsonString());
        var run = await _run.TrainAsync(
            $"model.path={model}", "model.init=random", $"data.path={RunFolder.Data("sft", data)}", "data.format=auto", $"data.packing={(packing ? "true" : "false")}",
            "data.sequence_length=128", "training.max_steps=8", "optimizer.learning_rate=1e-2", "evaluation.path=null", "evaluation.every_steps=0");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(Math.Log(2074), _run.Metric("loss").First(), 0.1);
        Assert.True(_run.Metric("loss").Last() < 7);
        Assert.True(File.Exists(Path.Combine(_run.Model, "tokenizer.json")));
    }

    [Fact]
    public async Task Train_OnItsOwnOutput_GoesOnFromIt()
    {
        _run.Write("text.txt", "Once upon a time there was a king.");
        string[] set = [$"data.path={_run.In("text.txt")}", "evaluation.path=null", "evaluation.every_steps=0", "evaluation.prompt=The king", "training.max_steps=1", "training.epochs=1"];
        var first = await _run.TrainAsync([$"model.path={RunFolder.Stories}", .. set]);
        Assert.Equal((ExitCodes.Success, ""), (first.ExitCode, first.Error));
        Assert.Matches("sample before: The king[^\n]+\n", first.Output);
        Assert.Matches("sample after step 1: The king[^\n]+\n", first.Output);
        var loss = _run.Metric("loss").Single();
        Assert.Equal(
            ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"],
            Directory.GetFiles(_run.Model).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        var second = await _run.TrainAsync([$"model.path={_run.Model}", .. set]);
        Assert.Equal((ExitCodes.Success, ""), (second.ExitCode, second.Error));
        Assert.True(_run.Metric("loss").Single() < loss);
        Assert.Equal(4, Directory.GetFiles(_run.Model).Length);
    }

    private static (long[] Ids, long[] Labels) Row(int number)
    {
        long[] ids = [.. Enumerable.Range(0, 5 + (number % 10)).Select(place => (long)(((number * 31) + (place * place * 7)) % 320))];
        return (ids, ids);
    }

    private async Task<(int ExitCode, string Error)> Outcome(params string[] set)
    {
        var run = await _run.TrainAsync(set);
        return (run.ExitCode, run.Error);
    }
}
