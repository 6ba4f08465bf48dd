using System.Globalization;

namespace Horizon.Flow.Bench;

/// <summary>This process's resident memory, as Linux counts it.</summary>
internal static class ProcessMemory
{
    /// <summary>Bytes resident now.</summary>
    public static long Resident => Field("VmRSS:");

    /// <summary>The most bytes that were ever resident, or since <see cref="ForgetPeak"/>.</summary>
    public static long Peak => Field("VmHWM:");

    /// <summary>Lets <see cref="Peak"/> begin anew (proc(5): writing 5 to clear_refs).</summary>
    public static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    /// <summary>Bytes that a line of the process's status says.</summary>
    public static long Field(string name)
    {
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?? throw new HorizonException("memory needs Linux: /proc/self/status does not say what is resident");
        return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
