using Horizon.Flow.Testing;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>
/// Two machines with two ranks each, over real TCP between two network namespaces, with a TrainJob's variables: one run, where they share a disk; and one sentence where they do not,
/// or where the cable between them is cut.
/// </summary>
public sealed class TwoMachinesTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);

    private readonly RunFolder _run = new();

    public TwoMachinesTests()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 8).Select(row => ((long[])[1, 2 + row, 3, 4], (long[])[1, 2 + row, 3, 4])));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            training:   { batch_size: 1, gradient_accumulation: 4, epochs: 100000, max_steps: 6, precision: fp32, cpu_threads: 1 }
            checkpoint: { every_steps: 1 }
            output:     { directory: out, overwrite: true }
            device:     cpu
            """);
    }

    public void Dispose() => _run.Dispose();

    [NamespaceFact]
    public async Task Train_OnTwoMachines_IsTheRunOfOneAndResumesOnOne()
    {
        Assert.Equal(ExitCodes.Success, (await _run.TrainAsync()).ExitCode);
        var (losses, weights) = (_run.Metric("loss").ToList(), _run.Weights().AllFloats());
        Directory.Delete(_run.Output, recursive: true);
        using (var hosts = new TwoHosts())
        {
            var ended = await RunAsync(hosts, "--set", "training.max_steps=4");
            Assert.All(ended, one => Assert.True(one.ExitCode == ExitCodes.Success, one.Error));
            Assert.Single(ended[0].Output.Split('\n'), line => line.StartsWith("training ", StringComparison.Ordinal));
            Assert.Empty(ended[1].Output); // rank 0 alone shows the run
        }

        Directory.Delete(_run.Model, recursive: true);
        var last = await _run.ResumeAsync();
        Assert.Equal((ExitCodes.Success, ""), (last.ExitCode, last.Error));
        Assert.Contains("going on from ", last.Output, StringComparison.Ordinal);
        Assert.All(losses.Zip(_run.Metric("loss"), (one, other) => (one, other)), pair => Assert.Equal(pair.one, pair.other, 1e-5));
        Assert.Equal(6, _run.Metric("loss").Count());
        Numbers.AssertClose(weights, _run.Weights().AllFloats(), 1e-4);
    }

    [NamespaceFact]
    public async Task Train_WhereMachinesHaveDisksOfTheirOwn_SaysSoBeforeTheFirstStep()
    {
        Directory.CreateDirectory(_run.Output);
        using var hosts = new TwoHosts();
        var ended = await RunAsync(hosts, ownDisk: _run.Output);
        foreach (var (code, output, error) in ended)
        {
            Assert.Equal(ExitCodes.Failure, code);
            Assert.Contains($"output.directory is {_run.Output}, and rank 2 on {Environment.MachineName} does not see there what rank 0 writes: the machines have a disk of their own each", error, StringComparison.Ordinal);
            Assert.DoesNotContain("step 1", output, StringComparison.Ordinal);
        }

        Assert.Contains("rank 3 of 4:", ended[1].Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_run.Output));
    }

    [NamespaceFact]
    public async Task Train_WhereTheCableIsCut_EndsOnBothSides()
    {
        using var hosts = new TwoHosts();
        string[] words = ["train", _run.In("run.yaml"), "--set", "training.max_steps=1000000", "--set", "checkpoint.every_steps=0"];
        using var first = hosts.Start(0, Torchrun(0), words);
        using var second = hosts.Start(1, Torchrun(1), words);
        var errors = new[] { first.StandardError.ReadToEndAsync(), second.StandardError.ReadToEndAsync() };
        using var patience = new CancellationTokenSource(Hang);
        while (await first.StandardOutput.ReadLineAsync(patience.Token) is { } line && !line.StartsWith("step ", StringComparison.Ordinal))
            Assert.DoesNotContain("error", line, StringComparison.Ordinal);
        hosts.Cut();
        _ = await first.StandardOutput.ReadToEndAsync(patience.Token);
        await first.WaitForExitAsync(patience.Token);
        await second.WaitForExitAsync(patience.Token);
        Assert.NotEqual(0, first.ExitCode);
        Assert.NotEqual(0, second.ExitCode);
        Assert.Contains("rank 1 has gone", await errors[0], StringComparison.Ordinal);
        Assert.Contains("rank 0 has gone", await errors[1], StringComparison.Ordinal);
    }

    private static (string, string)[] Torchrun(int rank) =>
        [("RANK", $"{rank}"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "1"), ("MASTER_ADDR", TwoHosts.First), ("MASTER_PORT", "29500")];

    // As Kubeflow Trainer's torch runtime sets them in each pod.
    private static (string, string)[] TrainJob(int node) =>
        [("PET_NNODES", "2"), ("PET_NPROC_PER_NODE", "2"), ("PET_NODE_RANK", $"{node}"), ("PET_MASTER_ADDR", TwoHosts.First), ("PET_MASTER_PORT", "29500")];

    private async Task<(int ExitCode, string Output, string Error)[]> RunAsync(TwoHosts hosts, string set = "--set", string value = "training.max_steps=6", string? ownDisk = null) =>
        await Task.WhenAll(Enumerable.Range(0, 2).Select(async node =>
        {
            using var process = hosts.Start(node, TrainJob(node), ["train", _run.In("run.yaml"), set, value], node == 1 ? ownDisk : null);
            var error = process.StandardError.ReadToEndAsync();
            var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Hang);
            await process.WaitForExitAsync().WaitAsync(Hang);
            return (process.ExitCode, output, await error);
        }));
}
