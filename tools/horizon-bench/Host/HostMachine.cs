using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Bench;

/// <summary>What the figures depend on.</summary>
internal static class HostMachine
{
    public static IEnumerable<string> Describe()
    {
        yield return $"{Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} processors, {CpuTopology.Read().Nodes.Count} NUMA node(s)";
        yield return $"paths: {string.Join(", ", VectorPaths.Supported)}; uses {VectorPaths.Best} (F {Avx512F.IsSupported}, BW {Avx512BW.IsSupported}, VBMI {Avx512Vbmi.IsSupported})";
        yield return $"huge pages: {Read("/sys/kernel/mm/transparent_hugepage/enabled")}; memory: {Field("/proc/meminfo", "MemTotal") ?? "unknown"}";
        yield return string.Create(CultureInfo.InvariantCulture, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {DateTime.UtcNow:yyyy-MM-dd}");
    }

    private static string? Field(string file, string name) => !File.Exists(file) ? null
        : File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':')[1].Trim();

    private static string Read(string file) => File.Exists(file) ? File.ReadAllText(file).Trim() : "unknown";
}
