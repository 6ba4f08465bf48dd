using System.Runtime.InteropServices;
using TorchSharp;

namespace Horizon.Flow.Native;

/// <summary>
/// Loads the native libtorch, before TorchSharp is touched, from the first of: the folder that the variable
/// <c>HORIZON_LIBTORCH</c> names, the program's own folders (a published program), the folder that the build chose. Every device calls
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
            _folder = LoadFrom(
                Environment.GetEnvironmentVariable(FolderVariable),
                NativeFiles.ProgramFolders(AppContext.BaseDirectory, AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string),
                AppContext.GetData("Horizon.LibTorch") as string);
            DefaultThreads = torch.get_num_threads();
            return _folder;
        }
    }

    /// <summary>The folder to load from: a named one must hold libtorch, the others are tried in order.</summary>
    internal static string FindFolder(string? named, IReadOnlyList<string> program, string? chosenByBuild)
    {
        if (!string.IsNullOrEmpty(named))
        {
            return HasTorch(named)
                ? Path.GetFullPath(named)
                : throw new HorizonException($"{FolderVariable} names '{named}', where there is no {NativeFiles.Name("torch_cpu")}. {Ways}");
        }

        string[] places = chosenByBuild is null ? [.. program] : [.. program, Path.GetFullPath(chosenByBuild)];
        return places.FirstOrDefault(HasTorch) ?? throw new HorizonException(
            $"libtorch was not found: there is no {NativeFiles.Name("torch_cpu")} in {Quoted(places)}, and {FolderVariable} is not set. {Ways}");
    }

    private static string LoadFrom(string? named, IReadOnlyList<string> program, string? chosenByBuild)
    {
        var folder = FindFolder(named, program, chosenByBuild);
        // libtorch asks oneDNN whether matrices may be packed for units that its own kernels of a lesser processor cannot pack for: both take the lesser one.
        if (Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") is "avx2" or "default") ProcessVariables.SetIfUnset("ONEDNN_MAX_CPU_ISA", "AVX2");
        // Read once, by the allocator of a GPU: else steps of ever other lengths leave blocks in it that fit no other.
        if (Environment.GetEnvironmentVariable("PYTORCH_CUDA_ALLOC_CONF") is null) ProcessVariables.SetIfUnset("PYTORCH_ALLOC_CONF", "expandable_segments:True");
        // Later libraries find earlier ones by name, wherever those lie, so each comes after what it needs.
        foreach (var library in (ReadOnlySpan<string>)["torch_global_deps", "c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"])
        {
            var path = Path.Combine(folder, NativeFiles.Name(library));
            if (!File.Exists(path)) continue;
            try
            {
                NativeLibrary.Load(path);
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                throw new HorizonException($"libtorch does not load: {NativeLoadError.Reason(path, error)}. {Ways}", error);
            }
        }

        TorchSharpLibrary.Load(program);
        return folder;
    }

    internal static string Quoted(IEnumerable<string> places) => string.Join(" or ", places.Select(place => $"'{place}'"));

    private static bool HasTorch(string folder) => File.Exists(Path.Combine(folder, NativeFiles.Name("torch_cpu")));
}
