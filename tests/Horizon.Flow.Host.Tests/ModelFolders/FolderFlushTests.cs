using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Host.Tests;

public class FolderFlushTests
{
    [Fact]
    public void ToDisk_FolderThere_IsFlushed_FolderMissing_IsNamed()
    {
        using var folder = new TestFolder();
        FolderFlush.ToDisk(folder.Path);
        FolderFlush.ToDisk(folder.Path + "/");
        var missing = Path.Combine(folder.Path, "missing");
        Assert.Contains(missing, Assert.Throws<IOException>(() => FolderFlush.ToDisk(missing)).Message, StringComparison.Ordinal);
    }
}
