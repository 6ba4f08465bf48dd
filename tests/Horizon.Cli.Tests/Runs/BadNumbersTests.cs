namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>
/// A learning rate beyond fp32: after the first step no weight is finite, whatever the processor. What the user is told, and when the run ends.
/// </summary>
public sealed class BadNumbersTests : IDisposable
{
    private const int Steps = 6;

    private readonly RunFolder _run = new();

    public BadNumbersTests()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 2 * Steps).Select(row => (Enumerable.Range(row, 8).Select(i => (long)i).ToArray(), Enumerable.Range(row, 8).Select(i => (long)i).ToArray())));
        _run.Write("run.yaml", $$"""
            model:     { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:      { path: rows.jsonl, packing: false, shuffle: false }
            training:  { batch_size: 1, gradient_accumulation: 2, precision: fp32 }
            optimizer: { learning_rate: 1e+39 }
            output:    { directory: out }
            device:    cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("0", 2, "step 2: the step was skipped because the loss of micro-batch 1 of 2 is NaN; the gradient norm is NaN, first in unit '")]
    [InlineData("2", 4, "step 4: 3 steps in a row were skipped, this one because the loss of micro-batch 1 of 2 is NaN")]
    public async Task Train_MoreSkippedStepsThanAllowed_EndsInOneSentence(string most, int last, string message)
    {
        var run = await _run.TrainAsync($"training.max_skipped_steps={most}");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        var line = Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"error: {message}", line, StringComparison.Ordinal);
        Assert.Contains("lower optimizer.learning_rate", line, StringComparison.Ordinal);
        Assert.Equal(last, _run.Metrics().Count);
        Assert.StartsWith("the loss of micro-batch 1 of 2 is NaN", _run.Metrics()[^1].GetProperty("skip_reason").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("5")]
    public async Task Train_SkippedStepsAllowed_GoesOn(string most)
    {
        var run = await _run.TrainAsync($"training.max_skipped_steps={most}");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Equal(Steps, _run.Metrics().Count);
        Assert.Contains($"{Steps - 1} steps were skipped", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_CheckOutputs_NamesWhereItBegan()
    {
        var run = await _run.TrainAsync("training.check_outputs=true");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Matches(
            "^error: stage 'forward' failed at unit 'embedding and head' in step 2: the output is not finite \\([0-9]+ of [0-9]+ numbers\\) in the forward pass of unit 'embedding and head' \\(layer 0\\), micro-batch 1; nor is its weight ",
            Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public async Task Train_LossSpike_IsToldAndGoesOn()
    {
        // A hundred like rows, and one of another kind near the end.
        static (long[] Ids, long[] Labels) Row(int number)
        {
            long[] ids = [.. Enumerable.Range(0, 8).Select(i => (long)(number == 90 ? (i * i * 17) % 300 : 3))];
            return (ids, ids);
        }

        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 100).Select(Row));
        var run = await _run.TrainAsync("optimizer.learning_rate=1e-3", "training.gradient_accumulation=1");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Matches("\nstep 91: the loss [0-9.]+ is a spike, [0-9.]+ deviations above its running mean of [0-9.]+\n", run.Output);
        var spike = Assert.Single(_run.Metrics(), line => line.TryGetProperty("loss_spike", out _));
        Assert.Equal(91, spike.GetProperty("step").GetInt32());
        Assert.True(spike.GetProperty("loss_spike").GetDouble() > 6);
    }
}
