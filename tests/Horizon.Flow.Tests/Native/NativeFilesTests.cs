using System.Runtime.InteropServices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Tests.Native;

public class NativeFilesTests
{
    [Fact]
    public void ProgramFolders_WithWhatTheHostSearches_NearestFirstAndEachOnce()
    {
        var program = Path.GetFullPath("program");
        var package = Path.GetFullPath("package");
        var searched = string.Join(Path.PathSeparator, program + Path.DirectorySeparatorChar, package, RuntimeEnvironment.GetRuntimeDirectory(), "");
        Assert.Equal(
            [program, Path.Combine(program, "runtimes", NativeFiles.Platform, "native"), package],
            NativeFiles.ProgramFolders(program, searched));
    }

    [Fact]
    public void ProgramFolders_ProgramThatBringsItsFramework_ItsOwnFolderFirst()
    {
        var program = RuntimeEnvironment.GetRuntimeDirectory();
        Assert.Equal(Path.TrimEndingDirectorySeparator(program), NativeFiles.ProgramFolders(program, program)[0]);
    }

    [Fact]
    public void ProgramFolders_ThisProcess_OneHasTorchSharpsLibrary() => Assert.Contains(
        NativeFiles.ProgramFolders(AppContext.BaseDirectory, null), folder => File.Exists(Path.Combine(folder, NativeFiles.Name("LibTorchSharp"))));
}
