using System.Runtime.InteropServices;

namespace Horizon.Flow.Host.Memory;

/// <summary>
/// Zeroed memory from the system. On Linux a large block is a mapping of its own that starts at a huge page, asks for huge
/// pages and gets its pages at the first touch; elsewhere, and for small blocks, it is the C library's.
/// </summary>
internal static unsafe partial class HostPages
{
    /// <summary>A huge page of x86-64 and of the common arm64 kernels; smaller blocks have no use for one.</summary>
    public const int HugePage = 2 * 1024 * 1024;

    /// <summary>What every block is aligned to at least: a cache line, and the widest register.</summary>
    private const int Line = 64;

    private const int ReadWrite = 1 | 2;
    private const int PrivateAnonymous = 0x02 | 0x20;
    private const int AdviseHugePage = 14;
    private const int AdviseSmallPage = 15;

    /// <summary>Allocates; <see cref="Free"/> with the same length.</summary>
    /// <param name="byteLength">At least 0.</param>
    /// <param name="huge">False asks for small pages, to measure what huge ones are worth.</param>
    /// <exception cref="OutOfMemoryException">The system has no such block left.</exception>
    public static void* Allocate(long byteLength, bool huge = true)
    {
        if (!IsMapped(byteLength))
        {
            var block = NativeMemory.AlignedAlloc((nuint)Math.Max(byteLength, 1), Line);
            NativeMemory.Clear(block, (nuint)byteLength);
            return block;
        }

        // Mapped with a huge page to spare, then cut to the pages asked for: what is cut off was never touched.
        var length = Pages(byteLength);
        var mapping = MemoryMap(0, length + HugePage, ReadWrite, PrivateAnonymous, -1, 0);
        if (mapping == -1)
            throw new OutOfMemoryException($"the system has no {byteLength:N0} bytes of host memory left (error {Marshal.GetLastPInvokeError()})");
        var start = (nint)(((nuint)mapping + HugePage - 1) & ~(nuint)(HugePage - 1));
        if (start > mapping) MemoryUnmap(mapping, start - mapping);
        MemoryUnmap(start + length, mapping + HugePage - start);

        // Only advice: where the kernel does not take it the pages are small, and the sweeps slower.
        MemoryAdvise(start, length, huge ? AdviseHugePage : AdviseSmallPage);
        return (void*)start;
    }

    /// <summary>Frees a block of <see cref="Allocate"/>; null is nothing.</summary>
    public static void Free(void* block, long byteLength)
    {
        if (block is null) return;
        if (IsMapped(byteLength)) MemoryUnmap((nint)block, Pages(byteLength));
        else NativeMemory.AlignedFree(block);
    }

    private static bool IsMapped(long byteLength) => byteLength >= HugePage && OperatingSystem.IsLinux();

    private static nint Pages(long byteLength) => (nint)((byteLength + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MemoryMap(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(nint address, nint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(nint address, nint length, int advice);
}
