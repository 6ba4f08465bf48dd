using System.Diagnostics;

namespace Horizon.Packages.Tests;

/// <summary>Programs run as a user of the packages runs them: in a folder outside the repository, with a package cache of its own.</summary>
internal sealed class DotNet(string packageCache, string temporary)
{
    /// <summary>Runs a program and returns what it said, on both streams.</summary>
    public async Task<(int ExitCode, string Output)> TryAsync(string folder, string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // What `dotnet test` tells its own children is not for these, and a variable of the user's must not help or hinder.
        foreach (var name in Environment.GetEnvironmentVariables().Keys.Cast<string>())
        {
            if (name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || name.StartsWith("HORIZON", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("VSTEST", StringComparison.OrdinalIgnoreCase))
            {
                start.Environment.Remove(name);
            }
        }

        start.Environment["NUGET_PACKAGES"] = packageCache;
        start.Environment["TMPDIR"] = Directory.CreateDirectory(temporary).FullName;
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        // A server would outlive the command and hold its output open.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using var process = Process.Start(start)!;
        var streams = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, string.Concat(streams));
    }

    /// <summary>Runs a program that must succeed.</summary>
    public async Task<string> RunAsync(string folder, string program, params IEnumerable<string> arguments)
    {
        var (exitCode, output) = await TryAsync(folder, program, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {exitCode}\n{output}");
        return output;
    }
}
