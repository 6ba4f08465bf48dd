using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A session whose caller does not do what the program does.</summary>
public sealed class TrainingSessionTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);

    private readonly RunFolder _run = new();

    public TrainingSessionTests()
    {
        var row = Enumerable.Range(1, 8).Select(id => (long)id).ToArray();
        _run.WriteTokens("rows.jsonl", Enumerable.Repeat((row, row), 12));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, precision: fp32 }
            checkpoint: { every_steps: 1, keep: 9 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    /// <summary>
    /// As when metrics.jsonl cannot be written, or a step too many is skipped: what is on its way ends, and no checkpoint is ahead of what was
    /// recorded. An event is recorded when the next one is asked for.
    /// </summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(5, 2)]
    public async Task Dispose_CallerFailsInTheMiddle_EndsAndNoCheckpointIsAheadOfTheRecords(int failsAt, int everySteps)
    {
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), [$"checkpoint.every_steps={everySteps}"]);
        async Task FailAsync()
        {
            await using var session = await TrainingSession.OpenAsync(configuration);
            await foreach (var happened in session.RunAsync(CancellationToken.None))
            {
                if (happened is TrainingEvent.StepEnded { Report.Step: var step } && step == failsAt)
                    throw new IOException("No space left on device");
            }
        }

        await Assert.ThrowsAsync<IOException>(() => FailAsync().WaitAsync(Hang));
        var saved = Directory.Exists(_run.In("out/checkpoints")) ? Directory.GetDirectories(_run.In("out/checkpoints")).Select(Path.GetFileName) : [];
        Assert.Equal(Enumerable.Range(1, failsAt - 1).Where(step => step % everySteps == 0).Select(step => $"step-{step}"), saved.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Run_WithALogger_TellsItPhasesStepsAndTheModel()
    {
        var log = new ListLogger();
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), ["training.max_steps=2", "checkpoint.every_steps=0"]);
        var phases = new List<string>();
        await using (var session = await TrainingSession.OpenAsync(configuration, progress: new ListProgress(phases), logger: log))
        {
            await foreach (var happened in session.RunAsync(CancellationToken.None)) Assert.NotNull(happened);
            await session.SaveAsync();
        }

        Assert.Equal(["reading the data", "allocating the weights and the optimizer's state", "loading the weights"], phases.Distinct());
        Assert.Equal([.. phases.Distinct()], log.Entries.Where(entry => entry.Name == "PhaseBegan").Select(entry => entry.Text));
        Assert.Equal([1L, 2L], log.Entries.Where(entry => entry.Name == "StepEnded").Select(entry => entry.Values["Step"]));
        Assert.All(log.Entries.Where(entry => entry.Name == "StepEnded"), entry => Assert.True((double)entry.Values["Loss"]! > 0));
        Assert.Equal($"model written to {_run.In("out/model")}", log.Entries[^1].Text);
    }

    [Fact]
    public async Task Save_BeforeTheEnd_LeavesACheckpointThoughNoneIsConfigured()
    {
        var configuration = ConfigurationLoader.Load(_run.In("run.yaml"), ["checkpoint.every_steps=0"]);
        using var stop = new CancellationTokenSource();
        await using (var session = await TrainingSession.OpenAsync(configuration))
        {
            await foreach (var happened in session.RunAsync(stop.Token))
                if (happened is TrainingEvent.StepEnded) await stop.CancelAsync();
            var saved = await session.SaveAsync();
            Assert.NotNull(saved.CheckpointDirectory);
        }

        var resumed = await TrainingSession.OpenAsync(configuration, resume: true);
        await using (resumed)
        {
            Assert.InRange(resumed.Outline.FirstStep, 2, 11);
            await foreach (var happened in resumed.RunAsync(CancellationToken.None)) Assert.NotNull(happened);
            Assert.Null((await resumed.SaveAsync()).CheckpointDirectory);
        }
    }
}
