namespace Horizon.Flow.Tests.Native;

public class ElfSymbolVersionsTests
{
    private static readonly string OutputCopy =
        Directory.GetFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).FirstOrDefault() ?? "";

    [Fact]
    public void Weaken_LibTorchSharp_ChangesNothingButOneFlag()
    {
        if (OutputCopy.Length == 0) return; // not Linux
        var before = File.ReadAllBytes(OutputCopy);
        var flags = ElfSymbolVersions.FindFlags(before, "libstdc++.so.6", "GLIBCXX_3.4.32");
        before[flags] = 0; // as the package ships it
        var after = (byte[])before.Clone();
        Assert.True(ElfSymbolVersions.Weaken(after, "libstdc++.so.6", "GLIBCXX_3.4.32"));
        Assert.Equal([flags], Enumerable.Range(0, before.Length).Where(i => before[i] != after[i]));
        Assert.Equal(2, after[flags]);
    }

    [Fact]
    public void Needs_LibTorchSharp_ListsWhatTheLoaderReads()
    {
        if (OutputCopy.Length == 0) return; // not Linux
        var needs = ElfSymbolVersions.Needs(File.ReadAllBytes(OutputCopy)).Select(need => (need.Library, need.Version)).ToList();
        Assert.Equal(28, needs.Count); // as `readelf -V` prints them
        Assert.Equal(("ld-linux-x86-64.so.2", "GLIBC_2.3"), needs[0]);
        Assert.Equal(("libstdc++.so.6", "GLIBCXX_3.4"), needs[^1]);
    }

    [Fact]
    public void Weaken_VersionNotNeeded_ChangesNothing()
    {
        if (OutputCopy.Length == 0) return; // not Linux
        var image = File.ReadAllBytes(OutputCopy);
        var after = (byte[])image.Clone();
        Assert.False(ElfSymbolVersions.Weaken(after, "libstdc++.so.6", "GLIBCXX_9.9.99"));
        Assert.Equal(image, after);
    }

    [Fact]
    public void Needs_NotAnElfFile_Throws() => Assert.Throws<InvalidDataException>(() => ElfSymbolVersions.Needs(new byte[128]).ToList());
}
