using System.Text.Json;
using Horizon.Flow.Devices;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Runs that train adapters: what they begin with, leave, and what goes on from there.</summary>
public sealed class AdapterRunTests : IDisposable
{
    private readonly RunFolder _run = new();
    private readonly string _base = RunFolder.Data("reference", "qwen2-tied");

    public AdapterRunTests()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 7).Select(Row));
        _run.Write("run.yaml", $$"""
            model:      { path: {{_base}} }
            data:       { path: rows.jsonl, packing: false, shuffle: false }
            training:   { batch_size: 1, gradient_accumulation: 2, epochs: 2, precision: fp32, adapter: { rank: 4, alpha: 8 } }
            optimizer:  { learning_rate: 1e-2 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>B is zero at first: step 1 sees the base as it is. Afterwards the loss falls, and nothing but adapters was trained or written.</summary>
    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public async Task Train_Adapters_BeginsWithTheLossOfTheBaseAndLeavesAPeftFolder(string precision)
    {
        string[] set = [$"training.precision={precision}", "checkpoint.every_steps=0"];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync([.. set, "training.adapter.rank=0", "training.adapter.alpha=null"])).ExitCode);
        var whole = _run.Metric("loss").ToList();
        var run = await _run.TrainAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains("in adapters of rank 4", run.Output, StringComparison.Ordinal);
        var losses = _run.Metric("loss").ToList();
        Assert.Equal(whole[0], losses[0]);
        Assert.True(losses[4] < losses[0], $"{string.Join(", ", losses)}"); // the same rows, an epoch later
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], Directory.GetFiles(_run.Model).Select(Path.GetFileName).Where(name => name!.StartsWith("adapter", StringComparison.Ordinal) || name.EndsWith(".safetensors", StringComparison.Ordinal) || name == "config.json").Order());
        using var config = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_run.Model, "adapter_config.json")));
        Assert.Equal(
            ("LORA", 4, 8, _base, false),
            (Text("peft_type"), config.RootElement.GetProperty("r").GetInt32(), config.RootElement.GetProperty("lora_alpha").GetInt32(), Text("base_model_name_or_path"), config.RootElement.GetProperty("fan_in_fan_out").GetBoolean()));
        Assert.Equal(
            ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            config.RootElement.GetProperty("target_modules").EnumerateArray().Select(name => name.GetString()));
        var weights = new SafetensorsReader(Path.Combine(_run.Model, "adapter_model.safetensors")).AllFloats();
        var bases = new SafetensorsReader(Path.Combine(_base, "model.safetensors")).AllFloats();
        var expected = bases.Keys.Where(name => name.EndsWith("_proj.weight", StringComparison.Ordinal))
            .SelectMany(name => new[] { "lora_A", "lora_B" }.Select(part => $"base_model.model.{name[..^".weight".Length]}.{part}.weight"));
        Assert.Equal(expected.Order(), weights.Keys.Order());
        Assert.All(weights, pair => Assert.Contains(pair.Value, value => value != 0));

        string? Text(string key) => config.RootElement.GetProperty(key).GetString();
    }

    /// <summary>Checkpoints hold adapters and what trains them, nothing of the base; a run that goes on from one ends with the same bits.</summary>
    [Theory]
    [InlineData("adamw", "fp32")]
    [InlineData("adamw8bit", "bf16")]
    [InlineData("muon", "bf16")]
    public async Task Resume_Adapters_GivesTheBitsOfTheUninterruptedRun(string optimizer, string precision)
    {
        string[] set = [$"optimizer.name={optimizer}", $"training.precision={precision}", "training.adapter.targets=[q_proj, down_proj]"];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        var (adapters, metrics) = (AdapterBytes(), _run.LastingMetrics());
        foreach (var folder in Directory.GetDirectories(_run.In("out/checkpoints")).Where(folder => int.Parse(folder.Split('-')[^1], System.Globalization.CultureInfo.InvariantCulture) > 3))
            Directory.Delete(folder, recursive: true);
        Directory.Delete(_run.Model, recursive: true);
        var checkpoint = Directory.GetFiles(_run.In("out/checkpoints/step-3"), "*.safetensors").Sum(file => new FileInfo(file).Length);
        Assert.True(checkpoint < 30 * adapters.Length, $"{checkpoint} bytes for {adapters.Length} of adapters");
        var resumed = await _run.ResumeAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (resumed.ExitCode, resumed.Error));
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(adapters, AdapterBytes());
        var other = await _run.ResumeAsync([.. set, "training.adapter.alpha=2"]);
        Assert.Equal(ExitCodes.Failure, other.ExitCode);
        Assert.Contains("training.adapter.alpha is 8 there, 2 here", other.Error, StringComparison.Ordinal);
    }

    /// <summary>The merged folder gives the logits of base and adapters; so does the adapters' folder by itself, which names its base.</summary>
    [Fact]
    public async Task Export_Adapters_GivesTheModelThatTheyMake()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var merged = await _run.RunAsync("merge", "--model", _run.Model, "--output", _run.In("merged"), "--dtype", "float32", "--shard-size", "20kB");
        Assert.Equal((ExitCodes.Success, ""), (merged.ExitCode, merged.Error));
        Assert.True(Directory.GetFiles(_run.In("merged"), "model-*.safetensors").Length > 1);
        long[] ids = [3, 1, 4, 1, 5, 9];
        var (whole, adapted, plain) = (await LogitsAsync(_run.In("merged"), null), await LogitsAsync(_base, _run.Model), await LogitsAsync(_base, null));
        Assert.True(Numbers.RelativeError(whole, adapted) < 1e-5, $"{Numbers.RelativeError(whole, adapted)}");
        Assert.True(Numbers.RelativeError(whole, plain) > 1e-2);

        var again = await _run.RunAsync("export", "--model", _base, "--adapter", _run.Model, "--output", _run.In("merged"));
        Assert.Equal(ExitCodes.Failure, again.ExitCode);
        Assert.Contains("holds a model; name another folder, or add --overwrite", again.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Success, (await _run.RunAsync("export", "--model", _base, "--adapter", _run.Model, "--output", _run.In("merged"), "--overwrite", "--dtype", "bfloat16")).ExitCode);
        Assert.Equal(["model.safetensors"], Directory.GetFiles(_run.In("merged"), "*.safetensors*").Select(Path.GetFileName));
        Assert.InRange(Numbers.RelativeError(whole, await LogitsAsync(_run.In("merged"), null)), 1e-6, 2e-2);

        async Task<float[]> LogitsAsync(string folder, string? adapter)
        {
            using var device = new CpuDevice();
            var source = ModelSource.Open(folder, adapter);
            using var store = await source.LoadAsync(await Task.FromResult(source.FindPrecision()));
            await using var run = TrainingPlan.For(source.Model).Freeze(_ => true).Start(store, device);
            var targets = Enumerable.Repeat(MicroBatch.Unlabelled, ids.Length).ToArray();
            targets[^1] = 0;
            return (await run.LogitsAsync([new MicroBatch(1, ids.Length, ids, targets, [.. Enumerable.Range(0, ids.Length).Select(place => (long)place)])]))[0].Numbers;
        }
    }

    /// <summary>Adapters are trained further from a PEFT folder: the first loss is that of the model that they make.</summary>
    [Fact]
    public async Task Train_AdaptersOfAFolder_GoOnFromThere()
    {
        string[] set = ["checkpoint.every_steps=0"];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(set)).ExitCode);
        Directory.Move(_run.Model, _run.In("adapters"));
        Assert.Equal(ExitCodes.Success, (await _run.RunAsync("merge", "--model", _run.In("adapters"), "--output", _run.In("merged"))).ExitCode);
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync([.. set, $"model.path={_run.In("merged")}", "training.adapter.rank=0", "training.adapter.alpha=null"])).ExitCode);
        var expected = _run.Metric("loss").First();
        string[] further = [.. set, "training.adapter.rank=0", "training.adapter.alpha=null", $"training.adapter.path={_run.In("adapters")}"];
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync(further)).ExitCode);
        Assert.Equal(expected, _run.Metric("loss").First(), 1e-5);
        var wrong = await _run.TrainAsync([.. further, "training.adapter.rank=3"]);
        Assert.Contains("training.adapter.rank is 3, the adapters in", wrong.Error, StringComparison.Ordinal);
    }

    /// <summary>The base has no moments, differences or gradients, and the plan says so.</summary>
    [Fact]
    public async Task Plan_Adapters_CountsTheBaseOnce()
    {
        string[] set = ["--set", "training.precision=bf16", "--set", "training.adapter.targets=[q_proj]"];
        var plan = await _run.RunAsync(["plan", _run.In("run.yaml"), .. set]);
        Assert.Equal((ExitCodes.Success, ""), (plan.ExitCode, plan.Error));
        var parameters = new SafetensorsReader(Path.Combine(_base, "model.safetensors")).AllFloats();
        var shapes = parameters.Where(pair => pair.Key.EndsWith("q_proj.weight", StringComparison.Ordinal)).ToList();
        var hidden = parameters.First(pair => pair.Key.EndsWith("input_layernorm.weight", StringComparison.Ordinal)).Value.Length;
        var adapters = shapes.Sum(pair => 4 * (hidden + (pair.Value.Length / hidden)));
        var all = parameters.Sum(pair => pair.Value.Length) + adapters;
        Assert.Contains(FormattableString.Invariant($"2 bytes x {all:N0} parameters"), plan.Output, StringComparison.Ordinal);
        Assert.Contains(FormattableString.Invariant($"2 bytes x {adapters:N0} parameters"), plan.Output, StringComparison.Ordinal);
        Assert.Contains(FormattableString.Invariant($"8 bytes x {adapters:N0} trained parameters"), plan.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("training.adapter.dropout=0.1", "training.adapter.dropout is 0.1; it should be 0: adapters have no dropout here")]
    [InlineData("training.adapter.targets=[lm_head]", "'lm_head' is no matrix of the decoder layers that can have an adapter")]
    [InlineData("model.init=random", "model.init is random; it should be pretrained where training.adapter is set")]
    [InlineData("training.adapter.rank=0", "training.adapter.rank is 0; it should be 1 or more where other keys of training.adapter are set")]
    public async Task Train_WrongAdapters_SaysWhatToMend(string set, string message)
    {
        var run = await _run.TrainAsync(set);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
    }

    /// <summary>What PEFT may write and is not known here is refused by name; what only shaped the training is not.</summary>
    [Theory]
    [InlineData("\"use_dora\": true", "use_dora is not supported where true")]
    [InlineData("\"rank_pattern\": { \"q_proj\": 2 }", "rank_pattern is not understood")]
    [InlineData("\"modules_to_save\": [\"lm_head\"]", "modules_to_save is not understood")]
    [InlineData("\"bias\": \"all\"", "bias is all")]
    [InlineData("\"init_lora_weights\": \"pissa\"", "init_lora_weights is pissa, which changes the base model as well")]
    [InlineData("\"lora_dropout\": 0.1, \"rank_pattern\": {}, \"modules_to_save\": null, \"init_lora_weights\": \"gaussian\"", null)]
    public async Task Open_AdapterConfig_RefusesWhatChangesTheMaths(string settings, string? message)
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("checkpoint.every_steps=0", "training.max_steps=1")).ExitCode);
        var file = Path.Combine(_run.Model, "adapter_config.json");
        var json = (await File.ReadAllTextAsync(file)).Replace("\"bias\": \"none\",", "", StringComparison.Ordinal).Replace("\"lora_dropout\": 0,", "", StringComparison.Ordinal).Replace("\"init_lora_weights\": true,", "", StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, json.Insert(json.IndexOf('{', StringComparison.Ordinal) + 1, settings + ","));
        if (message is null) Assert.Equal(8, ModelSource.Open(_run.Model).Config.Adapter!.Alpha);
        else Assert.Contains(message, Assert.Throws<HorizonException>(() => ModelSource.Open(_run.Model)).Message, StringComparison.Ordinal);
    }

    private byte[] AdapterBytes() => File.ReadAllBytes(Path.Combine(_run.Model, "adapter_model.safetensors"));

    private static (long[] Ids, long[] Labels) Row(int row)
    {
        var random = new Random(row);
        long[] ids = [.. Enumerable.Range(0, 5 + (row % 7)).Select(_ => (long)random.Next(1, 64))];
        return (ids, ids);
    }
}
