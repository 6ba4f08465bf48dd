namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>training.expert_parts</c>: a layer's experts in several units, from the file to the model folder.</summary>
public sealed class ExpertPartsRunTests : IDisposable
{
    private readonly RunFolder _run = new();

    public ExpertPartsRunTests()
    {
        Directory.CreateDirectory(_run.In("tiny"));
        _run.Write("tiny/config.json", """
            {"architectures":["Qwen3MoeForCausalLM"],"vocab_size":32,"hidden_size":8,"intermediate_size":12,"moe_intermediate_size":6,"num_hidden_layers":2,"num_attention_heads":2,
            "num_key_value_heads":1,"head_dim":4,"num_experts":4,"num_experts_per_tok":2,"max_position_embeddings":64,"norm_topk_prob":true,"tie_word_embeddings":false}
            """);
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 8).Select(row => ((long[])[.. Enumerable.Range(0, 12).Select(place => (long)((row * 7) + (place * place)) % 32)], (long[])[.. Enumerable.Range(0, 12).Select(place => (long)((row * 7) + (place * place)) % 32)])));
        _run.Write("run.yaml", """
            model:      { path: tiny, init: random }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 2, max_steps: 4, precision: fp32 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>The exported tensors have the names, and the losses to rounding the numbers, of a run with one unit a layer; loads of experts are reported.</summary>
    [Theory]
    [InlineData(2, "training.adapter.rank=0")]
    [InlineData(4, "training.precision=bf16")]
    [InlineData(2, "training.adapter.rank=2")]
    [InlineData(2, "optimizer.name=muon")]
    public async Task Train_InParts_LeavesTheModelOfOneUnitALayer(int parts, string set)
    {
        var start = await _run.TrainAsync("checkpoint.every_steps=0", $"output.directory={_run.In("base")}");
        Assert.Equal((ExitCodes.Success, ""), (start.ExitCode, start.Error));
        async Task<(IEnumerable<string> Tensors, List<double> Losses, List<double> Loads)> TrainAsync(int count)
        {
            if (Directory.Exists(_run.Output)) Directory.Delete(_run.Output, recursive: true);
            var run = await _run.TrainAsync($"model.path={_run.In("base/model")}", "model.init=pretrained", $"training.expert_parts={count}", "checkpoint.every_steps=0", set);
            Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
            var weights = new Horizon.Flow.Models.Tests.Reference.SafetensorsReader(Directory.GetFiles(_run.Model, "*model.safetensors").Single());
            return (weights.Names, [.. _run.Metric("loss")], [.. _run.Metric("expert_load_max")]);
        }

        var (one, many) = (await TrainAsync(1), await TrainAsync(parts));
        Assert.Equal(one.Tensors.Order(), many.Tensors.Order());
        Assert.Equal(4, many.Losses.Count);
        Assert.All(one.Losses.Zip(many.Losses), pair => Assert.Equal(pair.First, pair.Second, 2e-3 * pair.First));
        Assert.Equal(one.Loads, many.Loads);
    }

    /// <summary>A run goes on with as many parts as it began with, and is told where the file says another number.</summary>
    [Fact]
    public async Task Resume_InParts_GoesOnWithAsManyOrSaysSo()
    {
        var run = await _run.TrainAsync("training.expert_parts=2");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        Directory.Delete(_run.Model, recursive: true);
        foreach (var step in (int[])[3, 4]) Directory.Delete(_run.In($"out/checkpoints/step-{step}"), recursive: true);

        var refused = await _run.ResumeAsync("training.expert_parts=4");
        Assert.Equal(ExitCodes.Failure, refused.ExitCode);
        Assert.Contains("training.expert_parts is 4, and the checkpoint", refused.Error, StringComparison.Ordinal);
        Assert.Contains("has the experts of a layer in 2 part(s); set it to 2, or leave it out", refused.Error, StringComparison.Ordinal);

        var again = await _run.ResumeAsync();
        Assert.Equal((ExitCodes.Success, ""), (again.ExitCode, again.Error));
        Assert.Equal(model, _run.ModelBytes());
        Assert.Equal(metrics, _run.LastingMetrics());
    }

    /// <summary>The plan knows the parts: buffers as large as one, and one more of them.</summary>
    [Fact]
    public async Task Plan_WithParts_CountsThem()
    {
        var plan = await _run.RunAsync("plan", _run.In("run.yaml"), "--set", "training.expert_parts=2");
        Assert.Equal((ExitCodes.Success, ""), (plan.ExitCode, plan.Error));
        Assert.Contains("experts of a layer in 2 parts", plan.Output, StringComparison.Ordinal);
        Assert.Contains("3 x largest unit of 288 parameters", plan.Output, StringComparison.Ordinal);

        var refused = await _run.RunAsync("plan", _run.In("run.yaml"), "--set", "training.expert_parts=3");
        Assert.Contains("it must divide the 4 experts of a layer", refused.Error, StringComparison.Ordinal);
    }
}
