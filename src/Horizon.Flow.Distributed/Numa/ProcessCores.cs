using System.Globalization;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Distributed;

/// <summary>This process's, on Linux.</summary>
internal sealed unsafe partial class ProcessCores : IProcessCores
{
    /// <summary>More cores than machines have.</summary>
    public const int Most = 8192;

    /// <inheritdoc/>
    public IReadOnlyList<int> Allowed
    {
        get
        {
            if (!OperatingSystem.IsLinux()) return [];
            var mask = stackalloc byte[Most / 8];
            new Span<byte>(mask, Most / 8).Clear();
            if (GetAffinity(0, Most / 8, mask) != 0) return [];
            var cores = new List<int>();
            for (var core = 0; core < Most; core++)
                if ((mask[core / 8] & (1 << (core % 8))) != 0) cores.Add(core);
            return cores;
        }
    }

    /// <inheritdoc/>
    /// <remarks>A thread begins with the cores of the one that starts it: those that run already are asked for one by one.</remarks>
    public bool TryKeepTo(IReadOnlyList<int> cores)
    {
        if (!OperatingSystem.IsLinux()) return false;
        var mask = stackalloc byte[Most / 8];
        new Span<byte>(mask, Most / 8).Clear();
        foreach (var core in cores) mask[core / 8] |= (byte)(1 << (core % 8));
        if (SetAffinity(0, Most / 8, mask) != 0) return false;
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
            _ = SetAffinity(int.Parse(Path.GetFileName(thread.AsSpan()), CultureInfo.InvariantCulture), Most / 8, mask); // one that has ended meanwhile needs none
        return true;
    }

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int thread, nuint length, byte* mask);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint length, byte* mask);
}
