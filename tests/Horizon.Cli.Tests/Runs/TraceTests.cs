using System.Text.Json;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>horizon train --trace</c>.</summary>
public sealed class TraceTests : IDisposable
{
    private readonly RunFolder _run = new();

    public TraceTests()
    {
        var row = Enumerable.Range(1, 8).Select(id => (long)id).ToArray();
        _run.WriteTokens("rows.jsonl", Enumerable.Repeat((row, row), 5));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, precision: fp32 }
            output:     { directory: out, overwrite: true }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData(3, new long[] { 2, 3, 4 })]
    [InlineData(5, new long[] { 1, 2, 3, 4, 5 })]
    [InlineData(99, new long[] { 1, 2, 3, 4, 5 })]
    public async Task Train_WithTrace_LeavesTheStepsAskedForAndTheSameModel(int steps, long[] expected)
    {
        await TrainAsync();
        var untraced = _run.ModelBytes();
        Assert.False(File.Exists(_run.In("out/trace.json")));

        var output = await TrainAsync("--trace", $"steps={steps}");
        Assert.Equal(untraced, _run.ModelBytes());
        Assert.Contains($"trace written to {_run.In("out/trace.json")}", output, StringComparison.Ordinal);
        using var trace = JsonDocument.Parse(File.ReadAllBytes(_run.In("out/trace.json")));
        var stays = trace.RootElement.GetProperty("traceEvents").EnumerateArray()
            .Where(one => one.TryGetProperty("cat", out var category) && category.GetString() == "unit").ToList();
        Assert.Equal(expected, stays.Select(one => one.GetProperty("args").GetProperty("step").GetInt64()).Distinct().Order());
    }

    private async Task<string> TrainAsync(params string[] more)
    {
        var (code, output, error) = await _run.RunAsync(["train", _run.In("run.yaml"), .. more]);
        Assert.Equal((0, ""), (code, error));
        return output;
    }
}
