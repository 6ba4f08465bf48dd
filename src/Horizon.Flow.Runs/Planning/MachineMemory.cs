using System.Globalization;

namespace Horizon.Flow.Runs.Planning;

/// <summary>How much host memory a run may still take.</summary>
public static class MachineMemory
{
    /// <summary>
    /// Bytes that this process may still take: what Linux calls MemAvailable, and no more than its control group (version 1 or 2) leaves; on
    /// other systems, what the runtime takes the machine's memory to be.
    /// </summary>
    /// <param name="root">The root of the file system that describes the machine; <c>/</c> but for tests.</param>
    public static long AvailableBytes(string root = "/")
    {
        var left = GroupFolders(root).Select(BytesLeft).Append(MemoryAvailable(root)).OfType<long>().ToList();
        return left.Count > 0 ? Math.Max(0, left.Min()) : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
    }

    private static long? MemoryAvailable(string root) => Field(Path.Combine(root, "proc/meminfo"), "MemAvailable:") * 1024;

    // The process's own group and all groups around it. Inside a container the own group is often mounted as the root.
    private static IEnumerable<string> GroupFolders(string root)
    {
        foreach (var line in Lines(Path.Combine(root, "proc/self/cgroup")))
        {
            var parts = line.Split(':', 3);
            if (parts.Length < 3) continue;
            if (parts[1].Length > 0 && !parts[1].Split(',').Contains("memory")) continue;
            var mount = Path.Combine(root, parts[1].Length == 0 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
            var names = parts[2].Split('/', StringSplitOptions.RemoveEmptyEntries);
            for (var depth = names.Length; depth >= 0; depth--) yield return Path.Combine([mount, .. names.Take(depth)]);
        }
    }

    // Cached files that nobody maps count as used, but are given back on demand.
    private static long? BytesLeft(string group)
    {
        var limit = Number(Path.Combine(group, "memory.max")) ?? Number(Path.Combine(group, "memory.limit_in_bytes"));
        var used = Number(Path.Combine(group, "memory.current")) ?? Number(Path.Combine(group, "memory.usage_in_bytes"));
        var cached = Field(Path.Combine(group, "memory.stat"), "inactive_file");
        return limit - used + (cached ?? 0);
    }

    private static long? Field(string file, string name) =>
        Lines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [_, var text, ..] ? Parse(text) : null;

    // "max" is no number: no limit.
    private static long? Number(string file) => Lines(file).FirstOrDefault() is { } line ? Parse(line) : null;

    private static long? Parse(string text) => long.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static IReadOnlyList<string> Lines(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // Not every kernel lets everyone read these.
        }
    }
}
