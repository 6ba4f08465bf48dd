using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Host.Workers;

/// <summary>The processors that this process may use, by NUMA node. No nodes where the system does not say.</summary>
/// <param name="Nodes">Processor numbers of each node; nodes without usable processors are left out.</param>
internal sealed partial record CpuTopology(IReadOnlyList<IReadOnlyList<int>> Nodes)
{
    private const int MaskWords = 128;

    /// <summary>Reads Linux's <c>/sys/devices/system/node</c>; elsewhere there are no nodes.</summary>
    public static CpuTopology Read() => Read("/sys/devices/system/node", AllowedCpus());

    /// <summary>Reads the nodes below <paramref name="folder"/> and keeps the allowed processors.</summary>
    internal static CpuTopology Read(string folder, IReadOnlySet<int> allowed)
    {
        if (!Directory.Exists(folder)) return new([]);
        return new([.. Directory.EnumerateDirectories(folder, "node*")
            .Where(node => int.TryParse(Path.GetFileName(node)[4..], CultureInfo.InvariantCulture, out _))
            .OrderBy(node => int.Parse(Path.GetFileName(node)[4..], CultureInfo.InvariantCulture))
            .Select(node => Path.Combine(node, "cpulist"))
            .Where(File.Exists)
            .Select(list => (IReadOnlyList<int>)[.. ParseList(File.ReadAllText(list)).Where(allowed.Contains)])
            .Where(cpus => cpus.Count > 0)]);
    }

    /// <summary>The numbers of a list such as <c>0-3,8,10-11</c>.</summary>
    internal static IEnumerable<int> ParseList(string list)
    {
        foreach (var part in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-');
            var first = int.Parse(ends[0], CultureInfo.InvariantCulture);
            var last = int.Parse(ends[^1], CultureInfo.InvariantCulture);
            for (var cpu = first; cpu <= last; cpu++) yield return cpu;
        }
    }

    /// <summary>Lets the calling thread run on these processors alone; false where the system refuses.</summary>
    public static unsafe bool TryBindThread(IReadOnlyList<int> cpus)
    {
        if (!OperatingSystem.IsLinux()) return false;
        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        foreach (var cpu in cpus.Where(cpu => cpu < MaskWords * 64)) mask[cpu / 64] |= 1ul << (cpu % 64);
        return SetAffinity(0, MaskWords * sizeof(ulong), mask) == 0;
    }

    private static unsafe HashSet<int> AllowedCpus()
    {
        var cpus = new HashSet<int>();
        if (!OperatingSystem.IsLinux()) return cpus;
        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        if (GetAffinity(0, MaskWords * sizeof(ulong), mask) < 0) return cpus;
        for (var word = 0; word < MaskWords; word++)
            for (var bits = mask[word]; bits != 0; bits &= bits - 1)
                cpus.Add((word * 64) + BitOperations.TrailingZeroCount(bits));
        return cpus;
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static unsafe partial int SetAffinity(int pid, nint bytes, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static unsafe partial int GetAffinity(int pid, nint bytes, ulong* mask);
}
