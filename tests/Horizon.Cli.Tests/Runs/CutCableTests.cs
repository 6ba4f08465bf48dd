using System.Diagnostics;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Two ranks in two network namespaces, as on two machines, over real TCP: the cable between them is cut, and both end with a sentence.</summary>
[Collection("signals")]
public sealed class CutCableTests : IDisposable
{
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(3);

    private readonly RunFolder _run = new();
    private readonly string[] _hosts = [.. Enumerable.Range(0, 2).Select(rank => $"horizon-{Environment.ProcessId}-{rank}")];

    public CutCableTests() => _run.Write("run.yaml", $$"""
        model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
        data:       { path: rows.jsonl, packing: false }
        training:   { batch_size: 1, gradient_accumulation: 2, epochs: 100000, max_steps: 1000000, precision: fp32, cpu_threads: 1 }
        output:     { directory: out, overwrite: true }
        device:     cpu
        """);

    public void Dispose()
    {
        foreach (var host in _hosts) _ = Ip("netns", "del", host);
        _run.Dispose();
    }

    [NamespaceFact]
    public async Task Train_WhereTheCableIsCut_EndsOnBothSides()
    {
        _run.WriteTokens("rows.jsonl", Enumerable.Range(0, 8).Select(row => ((long[])[1, 2 + row, 3, 4], (long[])[1, 2 + row, 3, 4])));
        foreach (var host in _hosts) Assert.Equal(0, Ip("netns", "add", host));
        Assert.Equal(0, Ip("-n", _hosts[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", _hosts[1]));
        for (var rank = 0; rank < 2; rank++)
        {
            Assert.Equal(0, Ip("-n", _hosts[rank], "address", "add", $"10.99.7.{rank + 1}/24", "dev", "cable"));
            Assert.Equal(0, Ip("-n", _hosts[rank], "link", "set", "cable", "up"));
            Assert.Equal(0, Ip("-n", _hosts[rank], "link", "set", "lo", "up")); // rank 0 meets itself
        }

        using var first = Start(0);
        using var second = Start(1);
        var errors = new[] { first.StandardError.ReadToEndAsync(), second.StandardError.ReadToEndAsync() };
        using var patience = new CancellationTokenSource(Hang);
        while (await first.StandardOutput.ReadLineAsync(patience.Token) is { } line && !line.StartsWith("step ", StringComparison.Ordinal))
            Assert.DoesNotContain("error", line, StringComparison.Ordinal);
        Assert.Equal(0, Ip("-n", _hosts[0], "link", "set", "cable", "down"));
        _ = await first.StandardOutput.ReadToEndAsync(patience.Token);
        await first.WaitForExitAsync(patience.Token);
        await second.WaitForExitAsync(patience.Token);
        Assert.NotEqual(0, first.ExitCode);
        Assert.NotEqual(0, second.ExitCode);
        Assert.Contains("rank 1 has gone", await errors[0], StringComparison.Ordinal);
        Assert.Contains("rank 0 has gone", await errors[1], StringComparison.Ordinal);
    }

    private Process Start(int rank)
    {
        var start = new ProcessStartInfo(
            "ip", ["netns", "exec", _hosts[rank], "dotnet", Path.Combine(AppContext.BaseDirectory, "horizon.dll"), "train", _run.In("run.yaml")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        (string Name, string Value)[] variables = [("RANK", $"{rank}"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "1"), ("MASTER_ADDR", "10.99.7.1"), ("MASTER_PORT", "29500"), ("OMP_NUM_THREADS", "1")];
        foreach (var (name, value) in variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static int Ip(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
