using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Real processes that are killed. A longer one, with hundreds of kills at random moments, is `horizon-soak kill`.</summary>
public sealed class KilledRunTests : IDisposable
{
    private const int Terminate = 15;
    private const int Die = 9;

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Resume_AfterKillsAndASigterm_GivesTheModelAndMetricsOfTheUninterruptedRun()
    {
        if (!OperatingSystem.IsLinux())
            return; // Signals are sent with kill(2).
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 7).Select(row => Enumerable.Range(0, 5 + row).Select(place => (long)(row + (place * 3))).ToArray()).Select(ids => (ids, ids)));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "llama-gqa")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, epochs: 99, max_steps: 400, precision: bf16 }
            checkpoint: { every_steps: 1 }
            output:     { directory: out }
            device:     cpu
            """);
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync("checkpoint.every_steps=0")).ExitCode);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        Directory.Delete(_run.Output, recursive: true);

        foreach (var checkpoints in (int[])[1, 2, 3]) await SignalAsync(checkpoints, Die);
        // The second one ends it at once, whatever it was saving.
        Assert.Equal(ExitCodes.Terminated, (await SignalAsync(1, Terminate, times: 2)).ExitCode);
        var (exitCode, output) = await SignalAsync(1, Terminate);
        Assert.Equal(ExitCodes.Terminated, exitCode);
        var steps = _run.Metrics().Count;
        Assert.InRange(steps, 4, 399);
        Assert.Contains($"stopped after step {steps}: ", output, StringComparison.Ordinal);
        Assert.Contains($"checkpoint written to {_run.In($"out/checkpoints/step-{steps}")}; --resume goes on from it\n", output, StringComparison.Ordinal);

        var run = await _run.ResumeAsync("checkpoint.every_steps=0");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        Assert.Contains($"going on from {_run.In($"out/checkpoints/step-{steps}")}\n", run.Output, StringComparison.Ordinal);
        Assert.Equal(metrics, _run.LastingMetrics());
        Assert.Equal(model, _run.ModelBytes());
    }

    // Lets the run write so many checkpoints first. On a thread of its own: where the pool is busy with other tests, the run would be over before this one looked.
    private Task<(int ExitCode, string Output)> SignalAsync(int checkpoints, int signal, int times = 1) =>
        Task.Factory.StartNew(() => Signal(checkpoints, signal, times), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private (int ExitCode, string Output) Signal(int checkpoints, int signal, int times)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "horizon.dll"), "train", _run.In("run.yaml"), "--resume"]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = "";
        while (checkpoints > 0 && process.StandardOutput.ReadLine() is { } line)
        {
            Assert.DoesNotContain("damaged", line, StringComparison.Ordinal);
            output += line + "\n";
            if (line.StartsWith("checkpoint of step ", StringComparison.Ordinal)) checkpoints--;
        }

        Assert.Equal(0, Kill(process.Id, signal));
        for (var again = 1; again < times; again++) _ = Kill(process.Id, signal); // it may be gone
        output += process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
