using System.Text;
using Horizon.Flow.Native;

namespace Horizon.Flow.Tests.Native;

public sealed class TorchSharpLibraryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("horizon-test-").FullName;

    private string Copy => Path.Combine(_folder, NativeFiles.Name("LibTorchSharp"));

    [Fact]
    public void Load_NoFolderHasIt_NamesTheFileAndTheFolders()
    {
        var message = Assert.Throws<HorizonException>(() => TorchSharpLibrary.Load([_folder, "/nowhere"])).Message;
        Assert.Contains($"there is no {Path.GetFileName(Copy)} in '{_folder}' or '/nowhere'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NotALibrary_NamesTheFile()
    {
        File.WriteAllText(Copy, "no library");
        Assert.Contains(Copy, Assert.Throws<HorizonException>(() => TorchSharpLibrary.Load([_folder])).Message, StringComparison.Ordinal);
    }

    /// <summary>A version that no system has, and that is used: it is said which, and of which file, on a machine that needs the mend too.</summary>
    [Fact]
    public void Load_VersionThatTheSystemLacks_NamesTheVersionAndTheFile()
    {
        if (!OperatingSystem.IsLinux()) return;
        var image = File.ReadAllBytes(Shipped());
        var name = image.AsSpan().IndexOf(Encoding.ASCII.GetBytes("GLIBCXX_3.4.21\0"));
        image[name + 12] = (byte)'9';
        var hash = new ElfSymbolVersions(image).Needs().Single(need => need.Version == "GLIBCXX_3.4.91").FlagsOffset - 4;
        image[hash] ^= 1; // the loader compares it first
        File.WriteAllBytes(Copy, image);
        var message = Assert.Throws<HorizonException>(() => TorchSharpLibrary.Load([_folder])).Message;
        Assert.Contains("version `GLIBCXX_3.4.91' not found", message, StringComparison.Ordinal);
        Assert.Contains($"required by {Copy}", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Shipped() => NativeFiles.ProgramFolders(AppContext.BaseDirectory, null)
        .Select(folder => Path.Combine(folder, NativeFiles.Name("LibTorchSharp"))).First(File.Exists);
}
