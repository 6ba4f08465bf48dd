using System.Globalization;

namespace Horizon.Flow.Distributed;

/// <summary>A part of a machine whose cores reach its memory and its devices without a way over another part.</summary>
/// <param name="Number">Linux's number of it.</param>
/// <param name="Cores">Linux's numbers of its cores.</param>
public sealed record NumaNode(int Number, IReadOnlyList<int> Cores)
{
    /// <summary>The node of a device; null where the machine has only one, or does not say.</summary>
    /// <param name="pciAddress">The device's, such as <c>0000:1b:00.0</c>.</param>
    /// <param name="system">Where Linux shows its devices.</param>
    public static NumaNode? Of(string pciAddress, string system = "/sys")
    {
        ArgumentException.ThrowIfNullOrEmpty(pciAddress);
        var device = Path.Combine(system, "bus", "pci", "devices", pciAddress);
        var nodes = Path.Combine(system, "devices", "system", "node");
        if (!Directory.Exists(nodes) || Directory.GetDirectories(nodes, "node*").Length < 2) return null;
        // -1 where the firmware does not say.
        if (Read(Path.Combine(device, "numa_node")) is not { } text || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return null;
        var cores = ParseCores(Read(Path.Combine(device, "local_cpulist")) ?? "");
        return cores.Count == 0 ? null : new NumaNode(number, cores);
    }

    /// <summary>Linux's short form of a list: <c>0-3,8,10-11</c>; empty where it is none.</summary>
    internal static IReadOnlyList<int> ParseCores(string list)
    {
        var cores = new List<int>();
        foreach (var part in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || !int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first) || !int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
                || last < first || last >= ProcessCores.Most)
                return [];
            cores.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return cores;
    }

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
