using System.Runtime.InteropServices;
using TorchSharp;

namespace Horizon.Flow;

/// <summary>
/// Loads the native libtorch, before TorchSharp is touched, from the first of: the folder that the variable
/// <c>HORIZON_LIBTORCH</c> names, the program's own folder (a published program), the folder that the build chose. Every device calls
/// it; a program that touches TorchSharp before it has a device calls it first.
/// </summary>
public static class NativeTorch
{
    /// <summary>The environment variable that names a folder with libtorch.</summary>
    public const string FolderVariable = "HORIZON_LIBTORCH";

    internal const string Ways =
        "Build with -p:HorizonTorch=cpu or -p:HorizonTorch=cuda to take libtorch from its package, or with -p:HorizonTorch=external and set " +
        FolderVariable + " to a folder with libtorch, such as the lib folder of a Python PyTorch (python3 -c \"import torch; print(torch.__path__[0] + '/lib')\").";

    private static readonly Lock Gate = new();
    private static string? _folder;

    /// <summary>Threads of an operator on the CPU where nobody says otherwise. Read once: every later choice changes what libtorch itself says.</summary>
    internal static int DefaultThreads { get; private set; }

    /// <summary>Loads libtorch and TorchSharp's own library once for the process; later calls return the same folder.</summary>
    /// <returns>The folder that libtorch was loaded from.</returns>
    /// <exception cref="HorizonException">No folder has libtorch, or it does not load; the message names the ways to get one.</exception>
    public static string Load()
    {
        lock (Gate)
        {
            if (_folder is not null) return _folder;
            _folder = LoadFrom(FindFolder(
                Environment.GetEnvironmentVariable(FolderVariable), AppContext.BaseDirectory, AppContext.GetData("Horizon.LibTorch") as string));
            DefaultThreads = torch.get_num_threads();
            return _folder;
        }
    }

    /// <summary>The folder to load from: a named one must hold libtorch, the others are tried in order.</summary>
    internal static string FindFolder(string? named, string program, string? chosenByBuild)
    {
        if (!string.IsNullOrEmpty(named))
        {
            return HasTorch(named)
                ? named
                : throw new HorizonException($"{FolderVariable} names '{named}', where there is no {FileName("torch_cpu")}. {Ways}");
        }

        if (HasTorch(program)) return program;
        if (chosenByBuild is not null && HasTorch(chosenByBuild)) return chosenByBuild;
        var places = chosenByBuild is null ? $"'{program}'" : $"'{program}' or '{chosenByBuild}'";
        throw new HorizonException($"libtorch was not found: there is no {FileName("torch_cpu")} in {places}, and {FolderVariable} is not set. {Ways}");
    }

    private static string LoadFrom(string folder)
    {
        folder = Path.GetFullPath(folder);
        // Later libraries find earlier ones by name, wherever those lie, so each comes after what it needs.
        foreach (var library in (ReadOnlySpan<string>)["torch_global_deps", "c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"])
        {
            var path = Path.Combine(folder, FileName(library));
            if (File.Exists(path)) Try(folder, () => NativeLibrary.Load(path));
        }

        Try(folder, () => NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null));
        return folder;
    }

    private static void Try(string folder, Action load)
    {
        try
        {
            load();
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            var reason = error.Message.Split('\n').LastOrDefault(line => line.Contains(".so", StringComparison.Ordinal)) ?? error.Message;
            throw new HorizonException($"libtorch in '{folder}' does not load ({reason.Trim()}). {Ways}", error);
        }
    }

    private static bool HasTorch(string folder) => File.Exists(Path.Combine(folder, FileName("torch_cpu")));

    private static string FileName(string library) =>
        OperatingSystem.IsWindows() ? $"{library}.dll" : OperatingSystem.IsMacOS() ? $"lib{library}.dylib" : $"lib{library}.so";
}
