using System.Runtime.InteropServices;

namespace Horizon.Flow.Native;

/// <summary>Where native libraries lie, and what their files are called, on this platform.</summary>
internal static class NativeFiles
{
    /// <summary>The platform as packages name it, such as <c>linux-x64</c>; <see cref="RuntimeInformation.RuntimeIdentifier"/> may name a distribution.</summary>
    public static string Platform { get; } =
        $"{(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    /// <summary>The file of a library: <c>libNAME.so</c>, <c>libNAME.dylib</c> or <c>NAME.dll</c>.</summary>
    public static string Name(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";

    /// <summary>
    /// The folders that belong to the program, nearest first: its own, its <c>runtimes/PLATFORM/native</c>, and those where the host found native
    /// parts of its packages; the framework's own is none of them.
    /// </summary>
    public static IReadOnlyList<string> ProgramFolders(string program, string? searched)
    {
        var framework = Whole(RuntimeEnvironment.GetRuntimeDirectory());
        var packages = (searched ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Select(Whole).Where(folder => folder != framework);
        // A program that brings its own framework lies in one folder with it.
        return [.. packages.Prepend(Path.Combine(Whole(program), "runtimes", Platform, "native")).Prepend(Whole(program)).Distinct()];
    }

    private static string Whole(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
}
