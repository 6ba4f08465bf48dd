using System.Diagnostics;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A test that makes network namespaces; skipped, with the reason, where the system does not let it.</summary>
public sealed class NamespaceFactAttribute : FactAttribute
{
    public NamespaceFactAttribute()
    {
        if (MpiFactAttribute.Find("ip") is not { } ip) Skip = "ip is not installed (apt-get install iproute2)";
        else if (!CanAdd(ip)) Skip = "network namespaces cannot be made here (that takes root)";
    }

    private static bool CanAdd(string ip)
    {
        var name = $"horizon-try-{Environment.ProcessId}";
        if (Run(ip, "netns", "add", name) != 0) return false;
        return Run(ip, "netns", "del", name) == 0;
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
