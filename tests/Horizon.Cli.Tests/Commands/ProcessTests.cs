using System.Diagnostics;

namespace Horizon.Flow.Cli.Tests.Commands;

/// <summary>The program as a process of its own.</summary>
public class ProcessTests
{
    [Fact]
    public async Task Help_ClosedPipe_EndsQuietly()
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "horizon.dll"));
        start.ArgumentList.Add("--help");
        using var process = Process.Start(start)!;
        process.StandardOutput.Close();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal((0, ""), (process.ExitCode, error));
    }
}
