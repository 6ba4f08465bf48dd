using System.Diagnostics;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Two network namespaces with a cable between them, as two machines: 10.99.7.1 and 10.99.7.2.</summary>
public sealed class TwoHosts : IDisposable
{
    public const string First = "10.99.7.1";

    private static int _made;

    private readonly string[] _names;

    public TwoHosts()
    {
        var number = Interlocked.Increment(ref _made);
        _names = [.. Enumerable.Range(0, 2).Select(host => $"horizon-{Environment.ProcessId}-{number}-{host}")];
        foreach (var name in _names) Assert.Equal(0, Ip("netns", "add", name));
        Assert.Equal(0, Ip("-n", _names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", _names[1]));
        for (var host = 0; host < 2; host++)
        {
            Assert.Equal(0, Ip("-n", _names[host], "address", "add", $"10.99.7.{host + 1}/24", "dev", "cable"));
            Assert.Equal(0, Ip("-n", _names[host], "link", "set", "cable", "up"));
            Assert.Equal(0, Ip("-n", _names[host], "link", "set", "lo", "up")); // a rank meets those of its own machine
        }
    }

    public void Dispose()
    {
        foreach (var name in _names) _ = Ip("netns", "del", name);
    }

    public void Cut() => Assert.Equal(0, Ip("-n", _names[0], "link", "set", "cable", "down"));

    /// <summary>The program on one of them.</summary>
    /// <param name="host">0 or 1.</param>
    /// <param name="variables">Its launcher's.</param>
    /// <param name="arguments">Its words.</param>
    /// <param name="ownDisk">A folder that is on a disk of this host's own; null for none.</param>
    public Process Start(int host, IEnumerable<(string Name, string Value)> variables, IEnumerable<string> arguments, string? ownDisk = null)
    {
        // What is mounted here is seen by this process and those that it starts alone.
        string[] mounting = ownDisk is null ? [] : ["/bin/sh", "-c", $"mount -t tmpfs tmpfs '{ownDisk}' && exec \"$@\"", "sh"];
        var start = new ProcessStartInfo("ip", ["netns", "exec", _names[host], .. mounting, "dotnet", Path.Combine(AppContext.BaseDirectory, "horizon.dll"), .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in variables) start.Environment[name] = value;
        start.Environment["OMP_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }

    private static int Ip(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
