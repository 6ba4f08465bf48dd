using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Commands;

public sealed class OutputFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Prepare_WhileAnotherRunIsAtWork_IsRefused_AndFreeAfterIt()
    {
        var path = Path.Combine(_folder.Path, "output");
        using (var first = OutputFolder.Prepare(path))
        {
            File.WriteAllText(first.MetricsPath, "");
            var refused = Assert.Throws<HorizonException>(() => { using var second = OutputFolder.Prepare(path); });
            Assert.StartsWith("another run is writing into output.directory", refused.Message, StringComparison.Ordinal);
        }

        OutputFolder.Prepare(path).Dispose();
        Assert.Equal(["metrics.jsonl"], Directory.EnumerateFileSystemEntries(path).Select(Path.GetFileName));
    }

    [Fact]
    public void Dispose_NothingWritten_TakesTheNewFolderAway()
    {
        var path = Path.Combine(_folder.Path, "output");
        OutputFolder.Prepare(path).Dispose();
        Assert.False(Directory.Exists(path));
    }
}
