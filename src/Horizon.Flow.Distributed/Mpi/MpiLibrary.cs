using System.Runtime.InteropServices;

namespace Horizon.Flow.Distributed;

/// <summary>
/// The part of MPI's C interface that is used. Its functions have one form everywhere; its handles do not: in Open MPI they are addresses of the library's globals, in MPICH and its kin (Intel MPI,
/// MVAPICH) integers that the header fixes and the ABI initiative of 2013 keeps.
/// </summary>
internal sealed unsafe class MpiLibrary
{
    /// <summary>MPI_THREAD_SERIALIZED, the same number in both.</summary>
    public const int Serialized = 2;

    private const int Success = 0;
    private const int LongestError = 1024;

    private static readonly string[] _openMpi = ["libmpi.so.40", "libmpi.so.80"];
    private static readonly string[] _mpich = ["libmpich.so.12", "libmpi.so.12"];

    private readonly nint _library;

    private MpiLibrary(nint library, string name)
    {
        (_library, Name) = (library, name);
        IsOpenMpi = NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out var world);
        World = IsOpenMpi ? world : 0x44000000;
        Float = IsOpenMpi ? NativeLibrary.GetExport(library, "ompi_mpi_float") : 0x4c00040a;
        UInt16 = IsOpenMpi ? NativeLibrary.GetExport(library, "ompi_mpi_uint16_t") : 0x4c00023c;
        StatusIgnore = IsOpenMpi ? 0 : 1;
        ErrorsReturn = IsOpenMpi ? NativeLibrary.GetExport(library, "ompi_mpi_errors_return") : 0x54000001;
    }

    /// <summary>The file's name.</summary>
    public string Name { get; }

    /// <summary>MPI_COMM_WORLD.</summary>
    public nint World { get; }

    /// <summary>MPI_FLOAT.</summary>
    public nint Float { get; }

    /// <summary>MPI_UINT16_T, for bf16 that is only moved.</summary>
    public nint UInt16 { get; }

    private bool IsOpenMpi { get; }

    private nint StatusIgnore { get; }

    private nint ErrorsReturn { get; }

    /// <summary>The library of the mpirun that started this process; without its variables, the first that is there.</summary>
    /// <exception cref="HorizonException">There is none.</exception>
    public static MpiLibrary Load()
    {
        var isMpich = Environment.GetEnvironmentVariable("PMI_SIZE") is not null && Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_SIZE") is null;
        string[] names = isMpich ? [.. _mpich, .. _openMpi] : [.. _openMpi, .. _mpich];
        foreach (var name in names)
            if (NativeLibrary.TryLoad(name, out var library)) return new MpiLibrary(library, name);
        throw new HorizonException($"pipeline.collectives is mpi, and no MPI library ({string.Join(", ", names)}) was found; install Open MPI or MPICH, name its folder in LD_LIBRARY_PATH, or set pipeline.collectives: auto");
    }

    /// <summary>Makes the process one of MPI's ranks; once in its life.</summary>
    public void Start()
    {
        var (isStarted, provided) = (0, 0);
        Check(((delegate* unmanaged<int*, int>)Find("MPI_Initialized"))(&isStarted), "MPI_Initialized");
        if (isStarted == 0) Check(((delegate* unmanaged<int*, byte***, int, int*, int>)Find("MPI_Init_thread"))(null, null, Serialized, &provided), "MPI_Init_thread");
        else Check(((delegate* unmanaged<int*, int>)Find("MPI_Query_thread"))(&provided), "MPI_Query_thread");
        if (provided < Serialized) throw new HorizonException($"{Name} lets only one thread call it, and the compute lane is another than the one that starts; take a build of MPI with thread support");
        // By default an error ends the process without a word of ours.
        Check(((delegate* unmanaged<nint, nint, int>)Find("MPI_Comm_set_errhandler"))(World, ErrorsReturn), "MPI_Comm_set_errhandler");
    }

    /// <summary>Ends MPI in this process; all ranks come here.</summary>
    public void End() => _ = ((delegate* unmanaged<int>)Find("MPI_Finalize"))();

    /// <summary>This rank, and how many there are.</summary>
    public (int Rank, int Count) Place()
    {
        var (rank, count) = (0, 0);
        Check(((delegate* unmanaged<nint, int*, int>)Find("MPI_Comm_rank"))(World, &rank), "MPI_Comm_rank");
        Check(((delegate* unmanaged<nint, int*, int>)Find("MPI_Comm_size"))(World, &count), "MPI_Comm_size");
        return (rank, count);
    }

    /// <summary>Begins MPI_Iallgatherv.</summary>
    /// <returns>The request.</returns>
    public nint AllGather(nint own, int count, nint all, int* counts, int* firsts, nint type)
    {
        nint request = 0;
        Check(((delegate* unmanaged<nint, int, nint, nint, int*, int*, nint, nint, nint*, int>)Find("MPI_Iallgatherv"))(own, count, type, all, counts, firsts, type, World, &request), "MPI_Iallgatherv");
        return request;
    }

    /// <summary>Begins MPI_Ialltoallv.</summary>
    /// <returns>The request.</returns>
    public nint AllToAll(nint source, int* sentCounts, int* sentFirsts, nint target, int* counts, int* firsts, nint type)
    {
        nint request = 0;
        Check(
            ((delegate* unmanaged<nint, int*, int*, nint, nint, int*, int*, nint, nint, nint*, int>)Find("MPI_Ialltoallv"))(source, sentCounts, sentFirsts, type, target, counts, firsts, type, World, &request),
            "MPI_Ialltoallv");
        return request;
    }

    /// <summary>Whether what was begun has ended; it goes on only while this is asked.</summary>
    public bool HasEnded(ref nint request)
    {
        var flag = 0;
        fixed (nint* at = &request) Check(((delegate* unmanaged<nint*, int*, nint, int>)Find("MPI_Test"))(at, &flag, StatusIgnore), "MPI_Test");
        return flag != 0;
    }

    private void Check(int code, string call)
    {
        if (code == Success) return;
        var length = 0;
        Span<byte> text = stackalloc byte[LongestError];
        fixed (byte* at = text) _ = ((delegate* unmanaged<int, byte*, int*, int>)Find("MPI_Error_string"))(code, at, &length);
        throw new HorizonException($"{call}: {System.Text.Encoding.UTF8.GetString(text[..length])}");
    }

    private nint Find(string name) => NativeLibrary.GetExport(_library, name);
}
