using System.Runtime.InteropServices;

namespace Horizon.Flow.Native;

/// <summary>
/// Loads TorchSharp's native half, after libtorch. The one of TorchSharp 0.107.0 for Linux names a version of libstdc++,
/// GLIBCXX_3.4.32, for a symbol that it never takes (<c>std::ios_base_library_init</c>, a mark that GCC 13's headers leave), and so the loader of Debian 12 or
/// Ubuntu 22.04, whose libstdc++ ends at 3.4.30, refuses it. There a private copy that marks the version as optional is loaded; the system's
/// loader gives it to whoever asks for the library by name afterwards. No file is changed and none is left behind.
/// </summary>
internal static class TorchSharpLibrary
{
    private const string Library = "LibTorchSharp";
    private const string UnusedVersion = "GLIBCXX_3.4.32";

    /// <summary>Loads it from the first of these folders that has it.</summary>
    /// <exception cref="HorizonException">None has it, or it does not load.</exception>
    public static void Load(IReadOnlyList<string> folders)
    {
        var file = NativeFiles.Name(Library);
        var path = folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists) ?? throw new HorizonException(
            $"TorchSharp's native library was not found: there is no {file} in {NativeTorch.Quoted(folders)}. Its package, TorchSharp, brings it for " +
            $"Windows x64, Linux x64 and macOS arm64; this is {NativeFiles.Platform}.");
        try
        {
            try
            {
                NativeLibrary.Load(path);
            }
            catch (DllNotFoundException error) when (error.Message.Contains($"`{UnusedVersion}' not found", StringComparison.Ordinal))
            {
                if (!TryLoadCopy(path)) throw;
            }
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException or InvalidDataException or IOException or UnauthorizedAccessException
            or ArgumentOutOfRangeException { ParamName: "value" }) // the copy is longer than a file may be
        {
            throw new HorizonException(
                $"TorchSharp's native library does not load: {NativeLoadError.Reason(path, error)}. It must fit the system's libraries and the libtorch " +
                $"that was loaded; {NativeTorch.FolderVariable} can name a folder with another.", error);
        }
    }

    /// <summary>Loads a copy in which the version is optional; false where the library does use it.</summary>
    private static bool TryLoadCopy(string path)
    {
        var image = File.ReadAllBytes(path);
        if (!new ElfSymbolVersions(image).Weaken("libstdc++.so.6", UnusedVersion)) return false;
        var folder = Directory.CreateTempSubdirectory("horizon-"); // for this user alone
        var copy = Path.Combine(folder.FullName, Path.GetFileName(path));
        try
        {
            File.WriteAllBytes(copy, image);
            NativeLibrary.Load(copy);
            return true;
        }
        catch (DllNotFoundException error)
        {
            throw new DllNotFoundException(error.Message.Replace(copy, path, StringComparison.Ordinal), error);
        }
        finally
        {
            folder.Delete(recursive: true); // what is loaded stays until the process ends
        }
    }
}
