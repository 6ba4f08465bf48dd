using System.Runtime.InteropServices;

namespace Horizon.Flow.Distributed;

/// <summary>ncclConfig_t as of NCCL 2.17; later libraries take what it lacks from their defaults.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NcclConfig
{
    private const int Undefined = int.MinValue;

    public nuint Size;
    public uint Magic;
    public uint Version;
    public int Blocking;
    public int ClusterSize;
    public int LeastBlocks;
    public int MostBlocks;
    public nint NetName;

    /// <summary>Calls return at once, so that a rank that has gone holds nobody.</summary>
    public static unsafe NcclConfig NonBlocking => new()
    {
        Size = (nuint)sizeof(NcclConfig),
        Magic = 0xcafebeef,
        Version = 21700,
        Blocking = 0,
        ClusterSize = Undefined,
        LeastBlocks = Undefined,
        MostBlocks = Undefined,
    };
}
