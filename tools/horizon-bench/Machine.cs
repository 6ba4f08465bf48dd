using System.Runtime.InteropServices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Bench;

/// <summary>What the figures depend on.</summary>
internal static class Machine
{
    public static IEnumerable<string> Describe()
    {
        yield return $"{Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} processors, memory {Field("/proc/meminfo", "MemTotal")}, huge pages {Read("/sys/kernel/mm/transparent_hugepage/enabled")}";
        yield return FormattableString.Invariant($"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, libtorch from {NativeTorch.Load()}");
    }

    private static string? Field(string file, string name) => !File.Exists(file) ? null
        : File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':')[1].Trim();

    private static string Read(string file) => File.Exists(file) ? File.ReadAllText(file).Trim() : "unknown";
}
