using System.Runtime.InteropServices;

namespace Horizon.Flow.Native;

/// <summary>
/// The heap of the C library, from which libtorch takes the memory of tensors on a CPU. glibc raises the size from which a block has pages of its own with each such block that is freed, up to 32 MiB, and then cannot give
/// pages back from between blocks that are still used: how many that are is decided by the order in which threads free, and differs from run to run.
/// </summary>
internal static partial class ProcessHeap
{
    // mallopt(3).
    private const int MmapThreshold = -3;
    private const int TrimThreshold = -1;

    // Smaller tensors are few bytes, and are given the same pages again without asking the system for them.
    private const int OwnPages = 1 << 18;
    private const int KeptFree = 1 << 20;

    /// <summary>Has blocks of 256 KiB or more have pages of their own for good, which go when they are freed. Nothing where the user chose otherwise, or the C library is another.</summary>
    public static void GiveLargeBlocksTheirOwnPages()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null) return;
        try
        {
            _ = Set(MmapThreshold, OwnPages);
            _ = Set(TrimThreshold, KeptFree);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no such choice, and gives large blocks their own pages anyway.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);
}
