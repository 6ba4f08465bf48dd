using System.Globalization;
using System.Text.Json;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Reference;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Three AdamW steps by the public configuration alone, beside those of PyTorch and transformers.</summary>
public sealed class ReferenceRunTests : IDisposable
{
    private const int Rows = 6;
    private const int Sequence = 48;

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("qwen2-tied")]
    [InlineData("qwen3")]
    [InlineData("llama-gqa", "training.recompute_interval=2")]
    [InlineData("qwen2-tied", "training.recompute_interval=3", "pipeline.device_buffers=1", "pipeline.gradient_slabs=1")]
    [InlineData("qwen3", "training.batch_size=1", "training.gradient_accumulation=2")]
    [InlineData("qwen2-tied", "training.batch_size=1", "training.gradient_accumulation=2", "training.recompute_interval=2")]
    public async Task Train_ThreeStepsInFp32_EqualsTransformers(string folder, params string[] set)
    {
        var expected = Prepare(folder);
        var run = await _run.TrainAsync(set);
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        AssertClose(expected, "losses", _run.Metric("loss"), 1e-5);
        AssertClose(expected, "grad_norms", _run.Metric("grad_norm"), 1e-5);
        var after = new SafetensorsReader(RunFolder.Data("reference", folder, "after3.safetensors"));
        var weights = _run.Weights();
        Assert.Equal(after.Names.Order(), weights.Names.Order());
        Assert.All(after.Names, name =>
        {
            var error = Numbers.RelativeError(after.Floats(name), weights.Floats(name));
            Assert.True(error < 1e-4, $"{name}: {error:G3}");
        });
    }

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("qwen3")]
    public async Task Train_ThreeStepsInBf16_IsNearTransformersAndWritesBf16(string folder)
    {
        var expected = Prepare(folder);
        var run = await _run.TrainAsync("training.precision=bf16");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        AssertClose(expected, "losses", _run.Metric("loss"), 5e-3);
        AssertClose(expected, "grad_norms", _run.Metric("grad_norm"), 3e-2);
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(_run.Model, "config.json")));
        Assert.Equal("bfloat16", config.RootElement.GetProperty("torch_dtype").GetString());
        Assert.Equal("bfloat16", config.RootElement.GetProperty("dtype").GetString());
        using var checkpoint = WeightFiles.Open(_run.Model);
        Assert.All(checkpoint.TensorNames, name => Assert.Equal(SafetensorsType.BF16, checkpoint.Find(name)!.Type));
    }

    private JsonElement Prepare(string folder)
    {
        var source = RunFolder.Data("reference", folder);
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(source, "expected.json")));
        var io = new SafetensorsReader(Path.Combine(source, "io.safetensors"));
        var (ids, labels) = (io.Integers("input_ids"), io.Integers("labels"));
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, Rows).Select(row =>
            (ids.AsSpan(row * Sequence, Sequence).ToArray(), labels.AsSpan(row * Sequence, Sequence).ToArray())));
        var optimizer = expected.RootElement.GetProperty("optimizer");
        string Number(string name) => optimizer.GetProperty(name).GetDouble().ToString(CultureInfo.InvariantCulture);
        _run.Write("run.yaml", $$"""
            model:     { path: {{source}} }
            data:      { path: rows.jsonl, format: tokens, packing: false, shuffle: false }
            training:  { batch_size: 2, precision: fp32, max_grad_norm: {{Number("max_grad_norm")}} }
            optimizer: { name: adamw, learning_rate: {{Number("lr")}}, betas: {{optimizer.GetProperty("betas")}}, eps: {{Number("eps")}}, weight_decay: {{Number("weight_decay")}}, groups: [] }
            output:    { directory: out }
            device:    cpu
            """);
        return expected.RootElement.Clone();
    }

    private static void AssertClose(JsonElement expected, string name, IEnumerable<double> actual, double tolerance)
    {
        var wanted = expected.GetProperty(name).EnumerateArray().Select(number => number.GetDouble()).ToList();
        var given = actual.ToList();
        Assert.Equal(wanted.Count, given.Count);
        Assert.All(wanted.Zip(given), pair => Assert.Equal(pair.First, pair.Second, tolerance * pair.First));
    }
}
