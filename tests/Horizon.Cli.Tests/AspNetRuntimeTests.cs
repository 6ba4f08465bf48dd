using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests;

public sealed class AspNetRuntimeTests
{
    [Fact]
    public void Find_SeveralVersions_TakesTheNewestOfTheMajorOne()
    {
        using var folder = new TemporaryFolder();
        foreach (var version in (string[])["9.0.4", "10.0.2", "10.0.12", "11.0.0-preview.1"]) folder.Write(Path.Combine(version, "Microsoft.AspNetCore.dll"), "");
        Directory.CreateDirectory(Path.Combine(folder.Path, "10.0.13"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "no version"));
        Assert.Equal(Path.Combine(folder.Path, "10.0.12"), AspNetRuntime.Find(folder.Path, 10));
        Assert.Null(AspNetRuntime.Find(folder.Path, 8));
        Assert.Null(AspNetRuntime.Find(Path.Combine(folder.Path, "nowhere"), 10));
    }
}
