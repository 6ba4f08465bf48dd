using System.Text.Json;
using Horizon.Flow.Cli.Tests.Commands;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>The real model of the quickstart beside the answers of another implementation; see the quickstart's SOURCES.md.</summary>
public sealed class StoriesTests : IDisposable
{
    private readonly RunFolder _run = new();
    private readonly JsonElement _golden;

    public StoriesTests()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(RunFolder.Data("golden.json")));
        _golden = json.RootElement.Clone();
    }

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task GenerateIds_Greedy_EqualsTheReference()
    {
        using var device = new CpuDevice();
        await using var generator = await TextGenerator.LoadAsync(RunFolder.Stories, device);
        var prompt = Numbers("prompt_ids");
        var logits = await generator.NextLogitsAsync(prompt);
        Assert.All(_golden.GetProperty("logits_step0_first8").EnumerateArray().Zip(logits), pair => Assert.Equal(pair.First.GetDouble(), pair.Second, 1e-4));

        var expected = Numbers("greedy_ids");
        List<int> ids = [.. prompt];
        await foreach (var id in generator.GenerateIdsAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = expected.Length - prompt.Length })) ids.Add(id);
        Assert.Equal(expected, ids);
    }

    [Fact]
    public async Task Generate_Command_PrintsTheGreedyTextAndTheSeededOneTwice()
    {
        var greedy = await Generate("Once upon a time", "0", "1");
        Assert.StartsWith(", there was a little girl named", greedy.Output, StringComparison.Ordinal);
        var sampled = await Generate("Once upon a time", "0.9", "7");
        Assert.Equal(sampled.Output, (await Generate("Once upon a time", "0.9", "7")).Output);
        Assert.NotEqual(sampled.Output, (await Generate("Once upon a time", "0.9", "8")).Output);
    }

    [Fact]
    public async Task Train_HeldOutLossOfTheUntouchedModel_EqualsTheReference()
    {
        var ids = Numbers("shakespeare_ids").Select(id => (long)id).ToArray();
        _run.WriteTokens("text.jsonl", (ids, ids));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Stories}} }
            data:       { path: text.jsonl, format: tokens, packing: false, sequence_length: 257 }
            training:   { max_steps: 1, precision: fp32 }
            evaluation: { path: text.jsonl }
            output:     { directory: out }
            device:     cpu
            """);
        var run = await _run.TrainAsync();
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(_golden.GetProperty("ce_mean_shakespeare").GetDouble(), _run.Metric("eval_loss").First(), 1e-4);
    }

    private Task<CommandHarness> Generate(string prompt, string temperature, string seed) => _run.RunAsync(
        "generate", "--model", RunFolder.Stories, "--prompt", prompt, "--max-tokens", "24", "--temperature", temperature, "--seed", seed);

    private int[] Numbers(string name) => [.. _golden.GetProperty(name).EnumerateArray().Select(number => number.GetInt32())];
}
