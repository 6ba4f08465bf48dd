using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Machines may have files of their own: ranks whose settings, data or model differ end before the first step, each with the sentence that says in what.</summary>
public sealed class OneRunTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);

    private readonly RunFolder _run = new();

    public OneRunTests()
    {
        _run.WriteTokens("rows.jsonl", ([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 5, 3, 4], [1, 5, 3, 4]));
        _run.WriteTokens("same.jsonl", ([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 5, 3, 4], [1, 5, 3, 4]));
        _run.WriteTokens("other.jsonl", ([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 5, 3, 6], [1, 5, 3, 6]));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, gradient_accumulation: 2, max_steps: 1, precision: fp32, cpu_threads: 1 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("training.seed=7", "training.seed is 7 on {0}, and 42 for rank 0; start all ranks with one configuration")]
    [InlineData("checkpoint.every_steps=5", "checkpoint.every_steps is 5 on {0}, and 0 for rank 0")]
    [InlineData("optimizer.name=lion", "optimizer.name is lion on {0}, and adamw for rank 0")]
    [InlineData("data.path=other.jsonl", "{0} has other data than rank 0, or another tokenizer; give all machines the same files")]
    [InlineData("output.directory=elsewhere", "and rank 1 on {0} does not see there what rank 0 writes")]
    [InlineData("data.path=same.jsonl", null)] // where it lies is a machine's own affair
    public async Task Open_RankWithOtherSettingsOrData_IsRefusedOnAll(string set, string? expected)
    {
        if (set.Split('=') is [var key, var file] && (key.EndsWith("path", StringComparison.Ordinal) || key == "output.directory")) set = $"{key}={_run.In(file)}";
        using var port = FreePort.Take();
        var said = await Task.WhenAll(Enumerable.Range(0, 2).Select(rank => Task.Run(() => OpenAsync(new RankPlace(rank, 2, rank, 2, "localhost", port.Number), rank == 1 ? [set] : [])))).WaitAsync(Hang);
        if (expected is null)
        {
            Assert.All(said, Assert.Null);
            return;
        }

        Assert.All(said, one => Assert.Contains(string.Format(System.Globalization.CultureInfo.InvariantCulture, expected, Environment.MachineName), one, StringComparison.Ordinal));
    }

    // What it is refused with; null where it opens.
    private async Task<string?> OpenAsync(RankPlace place, string[] set)
    {
        try
        {
            await using var session = await TrainingSession.OpenAsync(ConfigurationLoader.Load(_run.In("run.yaml"), set), place: place);
            return null;
        }
        catch (HorizonException error)
        {
            return error.Message;
        }
    }
}
