using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Runs on several ranks, each a process of its own, as the program starts them.</summary>
public sealed class RankedRunTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);

    private readonly RunFolder _run = new();

    public RankedRunTests()
    {
        // 11 rows in steps of 6: the last step of an epoch has 5, which no number of ranks but one can share evenly.
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 11).Select(row => Row(row, 6 + row)));
        _run.WriteTokens("held.jsonl", Enumerable.Range(0, 5).Select(row => Row(row + 50, 7)));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, gradient_accumulation: 6, epochs: 99, max_steps: 8, precision: fp32, cpu_threads: 1 }
            evaluation: { path: held.jsonl, every_steps: 3 }
            output:     { directory: out }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Train_OnRanks_IsTheRunOfOneAndTheSameBitsEveryTime()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var one = Outcome();
        var output = await RequireEndAsync(2);
        Assert.Single(output.Split('\n'), line => line.StartsWith("training ", StringComparison.Ordinal)); // printed once
        RequireSame(one, Outcome());
        var processes = (_run.ModelBytes(), _run.LastingMetrics());

        // Two sessions of this process, over the same connections.
        Directory.Delete(_run.Output, recursive: true);
        using var port = FreePort.Take();
        var model = await Task.WhenAll(Enumerable.Range(0, 2).Select(rank => Task.Run(() => SessionAsync(new RankPlace(rank, 2, rank, 2, "localhost", port.Number))))).WaitAsync(Hang);
        Assert.Equal(processes.Item1, _run.ModelBytes());
        Assert.Equal(model[0], model[1]);
    }

    /// <summary>The order of the data does not depend on the number of ranks, and any number reads the checkpoints of any other.</summary>
    [Fact]
    public async Task Resume_WithOtherRanks_GoesOnWithTheSameRun()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var one = Outcome();
        Directory.Delete(_run.Output, recursive: true);
        string[] checkpoints = ["--set", "checkpoint.every_steps=1"];
        await RequireEndAsync(2, [.. checkpoints, "--set", "training.max_steps=3"]);
        Directory.Delete(_run.Model, recursive: true);
        await RequireEndAsync(3, [.. checkpoints, "--set", "training.max_steps=5", "--resume"]);
        var last = await _run.RunAsync(["train", _run.In("run.yaml"), "--resume", .. checkpoints]);
        Assert.Equal((ExitCodes.Success, ""), (last.ExitCode, last.Error));
        RequireSame(one, Outcome());
    }

    /// <summary>Killed at any moment, all ranks end; started again, they go on to the bits of the run that nobody killed.</summary>
    [Fact]
    public async Task Resume_AfterARankWasKilled_GivesTheBitsOfTheUninterruptedRun()
    {
        if (!OperatingSystem.IsLinux())
            return; // Ranks are found in /proc.
        string[] long_ = ["--set", "training.max_steps=40", "--set", "checkpoint.every_steps=1"];
        await RequireEndAsync(2, long_);
        var (model, metrics) = (_run.ModelBytes(), _run.LastingMetrics());
        Directory.Delete(_run.Output, recursive: true);
        foreach (var victim in (int[])[1, 0])
        {
            using var process = RankProcesses.Start(_run, 2, [.. long_, "--resume"]);
            var errors = process.StandardError.ReadToEndAsync();
            await RankProcesses.SignalAtAsync(process, "checkpoint of step ", 9, victim, never: "damaged");
            _ = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
            await process.WaitForExitAsync().WaitAsync(Hang);
            Assert.NotEqual(0, process.ExitCode);
            Assert.Contains($"rank {victim} has gone", await errors, StringComparison.Ordinal);
        }

        await RequireEndAsync(2, [.. long_, "--resume"]);
        Assert.Equal(model, _run.ModelBytes());
        Assert.Equal(metrics, _run.LastingMetrics());
    }

    /// <summary>The launcher passes the signal on; one rank alone may get it too, or long before the others.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Train_AskedToStop_StopsAllRanksAtOneStepAndSaves(int? rank)
    {
        if (!OperatingSystem.IsLinux())
            return; // The signal is sent with kill(2).
        using var process = RankProcesses.Start(_run, 2, ["--set", "training.max_steps=100000", "--set", "training.epochs=100000", "--set", "evaluation.every_steps=0"]);
        var errors = process.StandardError.ReadToEndAsync();
        await RankProcesses.SignalAtAsync(process, "step 1/", 15, rank);
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        await process.WaitForExitAsync().WaitAsync(Hang);
        Assert.True(process.ExitCode == ExitCodes.Terminated, output + await errors);
        Assert.Contains("--resume goes on from it", output, StringComparison.Ordinal);
        Assert.Single(Directory.GetDirectories(_run.In("out/checkpoints")));
    }

    /// <summary>Before the first step, as a rule: every rank gives up what it opens, and none takes that for a fault.</summary>
    [Fact]
    public async Task Train_AskedToStopBeforeTheFirstStep_IsNoFaultOfAnyRank()
    {
        if (!OperatingSystem.IsLinux())
            return; // The signal is sent with kill(2).
        using var process = RankProcesses.Start(_run, 2, ["--set", "training.max_steps=100000", "--set", "training.epochs=100000"]);
        var errors = process.StandardError.ReadToEndAsync();
        await RankProcesses.SignalAtAsync(process, "reading the data", 15);
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        await process.WaitForExitAsync().WaitAsync(Hang);
        Assert.True(process.ExitCode == ExitCodes.Terminated, output + await errors);
        Assert.DoesNotContain("bug", await errors, StringComparison.Ordinal);
        Assert.Contains("stopped", output, StringComparison.Ordinal);
    }

    /// <summary>Who started the ranks is killed: they stop as if asked to, and nothing is lost.</summary>
    [Fact]
    public async Task Train_LauncherIsKilled_StopsAllRanksAndSaves()
    {
        if (!OperatingSystem.IsLinux())
            return; // The signal is sent with kill(2).
        using var process = RankProcesses.Start(_run, 2, ["--set", "training.max_steps=100000", "--set", "training.epochs=100000", "--set", "evaluation.every_steps=0"]);
        await RankProcesses.SignalAtAsync(process, "step 1/", 9);
        // The ranks have its output: it ends where they do.
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        Assert.Contains("--resume goes on from it", output, StringComparison.Ordinal);
        Assert.Single(Directory.GetDirectories(_run.In("out/checkpoints")));
    }

    [Fact]
    public async Task Train_OnRanksThatCannotShareAStep_SaysWhatToSet()
    {
        var (code, _, error) = await RanksAsync(4);
        Assert.Equal(ExitCodes.Failure, code);
        Assert.Contains("error: training.gradient_accumulation is 6, which 4 ranks cannot share: the ranks divide a step's micro-batches among themselves, so that the run is the same for any number of them; set it to 4 or 8, or start another number of ranks", error, StringComparison.Ordinal);
        Assert.Contains("rank 0 of 4:", error, StringComparison.Ordinal);
    }

    private static (long[] Ids, long[] Labels) Row(int row, int length)
    {
        var ids = Enumerable.Range(0, length).Select(place => (long)(1 + (((row * 7) + (place * place * 3)) % 50))).ToArray();
        return (ids, ids);
    }

    private static void RequireSame((Dictionary<string, float[]> Weights, List<double> Losses, List<double> Norms, List<double> HeldOut) one, (Dictionary<string, float[]> Weights, List<double> Losses, List<double> Norms, List<double> HeldOut) other)
    {
        Assert.Equal(one.Losses.Count, other.Losses.Count);
        Assert.Equal(one.HeldOut.Count, other.HeldOut.Count);
        Assert.All(one.Losses.Zip(other.Losses), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(one.Norms.Zip(other.Norms), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * pair.First));
        Assert.All(one.HeldOut.Zip(other.HeldOut), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Numbers.AssertClose(one.Weights, other.Weights, 1e-4);
    }

    private (Dictionary<string, float[]> Weights, List<double> Losses, List<double> Norms, List<double> HeldOut) Outcome()
    {
        var weights = _run.Weights();
        return (weights.AllFloats(), [.. _run.Metric("loss")], [.. _run.Metric("grad_norm")], [.. _run.Metric("eval_loss")]);
    }

    private async Task<string> SessionAsync(RankPlace place)
    {
        await using var session = await TrainingSession.OpenAsync(ConfigurationLoader.Load(_run.In("run.yaml"), []), place: place);
        await foreach (var happened in session.RunAsync(CancellationToken.None)) Assert.NotNull(happened);
        return (await session.SaveAsync()).ModelDirectory;
    }

    private async Task<string> RequireEndAsync(int ranks, params string[] arguments)
    {
        var (code, output, error) = await RanksAsync(ranks, arguments);
        Assert.True(code == ExitCodes.Success && !error.Contains("error", StringComparison.Ordinal), $"exit code {code}: {error}{output}");
        return output;
    }

    private async Task<(int ExitCode, string Output, string Error)> RanksAsync(int ranks, params string[] arguments)
    {
        using var process = RankProcesses.Start(_run, ranks, ["--set", "output.overwrite=true", .. arguments]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
        await process.WaitForExitAsync().WaitAsync(Hang);
        return (process.ExitCode, output, await error);
    }
}
