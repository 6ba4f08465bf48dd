using System.Reflection;
using System.Runtime.InteropServices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Distributed;

/// <summary>The part of NCCL's C interface that is used; RCCL has the same names. The library is the one beside libtorch, which libtorch itself may have loaded, or the system's.</summary>
internal static partial class Nccl
{
    public const int Success = 0;
    public const int InProgress = 7;
    public const int Sum = 0;
    public const int Float32 = 7;
    public const int BFloat16 = 9;
    private const string Library = "nccl";
    private static readonly string[] _names = ["libnccl.so.2", "librccl.so.1"];

    static Nccl() => NativeLibrary.SetDllImportResolver(typeof(Nccl).Assembly, Resolve);

    [LibraryImport(Library)]
    public static partial int ncclGetVersion(out int version);

    [LibraryImport(Library)]
    public static partial int ncclGetUniqueId(out NcclUniqueId id);

    [LibraryImport(Library)]
    public static partial int ncclCommInitRankConfig(out nint communicator, int count, NcclUniqueId id, int rank, in NcclConfig config);

    [LibraryImport(Library)]
    public static partial int ncclCommGetAsyncError(nint communicator, out int result);

    [LibraryImport(Library)]
    public static partial int ncclCommFinalize(nint communicator);

    [LibraryImport(Library)]
    public static partial int ncclCommDestroy(nint communicator);

    [LibraryImport(Library)]
    public static partial int ncclCommAbort(nint communicator);

    [LibraryImport(Library)]
    public static partial nint ncclGetErrorString(int result);

    [LibraryImport(Library)]
    public static partial nint ncclGetLastError(nint communicator);

    [LibraryImport(Library)]
    public static partial int ncclAllGather(nint source, nint target, nuint count, int type, nint communicator, nint stream);

    [LibraryImport(Library)]
    public static partial int ncclReduceScatter(nint source, nint target, nuint count, int type, int operation, nint communicator, nint stream);

    [LibraryImport(Library)]
    public static partial int ncclBroadcast(nint source, nint target, nuint count, int type, int root, nint communicator, nint stream);

    [LibraryImport(Library)]
    public static partial int ncclReduce(nint source, nint target, nuint count, int type, int operation, int root, nint communicator, nint stream);

    [LibraryImport(Library)]
    public static partial int ncclGroupStart();

    [LibraryImport(Library)]
    public static partial int ncclGroupEnd();

    /// <summary>An error in words.</summary>
    public static string Describe(int result, nint communicator = 0)
    {
        var last = communicator == 0 ? null : Marshal.PtrToStringUTF8(ncclGetLastError(communicator));
        return $"{Marshal.PtrToStringUTF8(ncclGetErrorString(result))}{(string.IsNullOrWhiteSpace(last) ? "" : $": {last.Trim()}")}";
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library) return 0;
        var torch = NativeTorch.Load();
        foreach (var folder in new[] { torch, Path.Combine(torch, "..", "..", "nvidia", "nccl", "lib") })
            foreach (var file in _names)
                if (NativeLibrary.TryLoad(Path.Combine(folder, file), out var found)) return found;
        foreach (var file in _names)
            if (NativeLibrary.TryLoad(file, out var found)) return found;
        throw new DllNotFoundException($"NCCL ({string.Join(" or ", _names)}) is neither beside libtorch in '{torch}' nor installed; install it, or name its folder in LD_LIBRARY_PATH");
    }
}
