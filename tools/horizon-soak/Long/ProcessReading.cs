using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Horizon.Flow.Soak;

/// <summary>What the process holds after a collection.</summary>
/// <param name="Resident">Resident memory, in bytes.</param>
/// <param name="Heap">Bytes of the managed heap that are in use.</param>
/// <param name="Tensors">Tensors of libtorch that this process refers to.</param>
/// <param name="Files">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
internal sealed partial record ProcessReading(long Resident, long Heap, long Tensors, int Files, int Threads)
{
    /// <summary>
    /// Collects, lets finalizers run, and gives free memory back to the system on both sides: the collector's (an aggressive collection)
    /// and the allocator's (malloc_trim, for every arena). What is resident then is what is held, not what was held once.
    /// </summary>
    public static ProcessReading Take()
    {
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _ = Trim(0);
        return new ProcessReading(
            Status("VmRSS") * 1024, GC.GetTotalMemory(forceFullCollection: false), torch.Tensor.TotalCount,
            Directory.GetFiles("/proc/self/fd").Length, (int)Status("Threads"));
    }

    private static long Status(string name) => long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(':')[1].Replace("kB", "", StringComparison.Ordinal),
        CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
