using FsCheck;
using Horizon.Flow.Native;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Native;

public class ElfSymbolVersionsTests
{
    private const string Library = "libstdc++.so.6";
    private static readonly byte[] Shipped = ReadShipped();

    [Fact]
    public void Weaken_LibTorchSharp_ChangesNothingButOneFlag()
    {
        if (Shipped.Length == 0) return; // not Linux
        var image = (byte[])Shipped.Clone();
        var versions = new ElfSymbolVersions(image);
        var flags = versions.Needs().Single(need => need.Version == "GLIBCXX_3.4.32").FlagsOffset;
        Assert.True(versions.Weaken(Library, "GLIBCXX_3.4.32"));
        Assert.Equal([flags], Enumerable.Range(0, image.Length).Where(i => Shipped[i] != image[i]));
        Assert.Equal((0, 2), (Shipped[flags], image[flags]));
    }

    [Fact]
    public void Needs_LibTorchSharp_ListsWhatTheLoaderReads()
    {
        if (Shipped.Length == 0) return; // not Linux
        var needs = new ElfSymbolVersions(Shipped).Needs().ToList();
        Assert.Equal(28, needs.Count); // as `readelf -V` prints them
        Assert.Equal(("ld-linux-x86-64.so.2", "GLIBC_2.3", 28), (needs[0].Library, needs[0].Version, needs[0].Index));
        Assert.Equal((Library, "GLIBCXX_3.4", 2), (needs[^1].Library, needs[^1].Version, needs[^1].Index));
    }

    /// <summary>The versions that `readelf -r` prints behind the symbols are all that are needed, but for the one that is mended.</summary>
    [Fact]
    public void IsUsed_LibTorchSharp_AllButOne()
    {
        if (Shipped.Length == 0) return; // not Linux
        var versions = new ElfSymbolVersions(Shipped);
        Assert.Equal(["GLIBCXX_3.4.32"], versions.Needs().Where(need => !versions.IsUsed(need.Index)).Select(need => need.Version));
    }

    [Theory]
    [InlineData("GLIBCXX_9.9.99")] // not needed
    [InlineData("GLIBCXX_3.4.21")] // its symbols are called
    public void Weaken_VersionNotNeededOrUsed_ChangesNothing(string version)
    {
        if (Shipped.Length == 0) return; // not Linux
        var image = (byte[])Shipped.Clone();
        Assert.False(new ElfSymbolVersions(image).Weaken(Library, version));
        Assert.Equal(Shipped, image);
    }

    [Fact]
    public void Needs_NotAnElfFile_Throws() => Assert.Throws<InvalidDataException>(() => new ElfSymbolVersions(new byte[128]).Needs().ToList());

    /// <summary>A cut file, or numbers changed in its header or in the table of its sections, is refused or read; nothing else comes of it.</summary>
    [Cases(50)]
    public void Weaken_DamagedFile_IsRefusedOrRead(NonNegativeInt length, (NonNegativeInt At, byte Value)[] changes)
    {
        if (Shipped.Length == 0) return; // not Linux
        var image = (byte[])Shipped.Clone();
        var sections = (int)BitConverter.ToInt64(image, 0x28);
        foreach (var (at, value) in changes) image[(at.Get % 2 == 0 ? 4 : sections) + (at.Get / 2 % 60)] = value;
        if (length.Get % 3 == 0) Array.Resize(ref image, length.Get * 1000 % image.Length);
        try
        {
            new ElfSymbolVersions(image).Weaken(Library, "GLIBCXX_3.4.32");
        }
        catch (InvalidDataException error)
        {
            Assert.Contains("ELF file", error.Message, StringComparison.Ordinal);
        }
    }

    private static byte[] ReadShipped() =>
        Directory.GetFiles(AppContext.BaseDirectory, "libLibTorchSharp.so", SearchOption.AllDirectories).FirstOrDefault() is { } path ? File.ReadAllBytes(path) : [];
}
