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
        yield return $"{Machine.Processor}, {Environment.ProcessorCount} processors, {CpuTopology.Read().Nodes.Count} NUMA node(s)";
        yield return $"paths: {string.Join(", ", VectorPaths.Supported)}; uses {VectorPaths.Best} (F {Avx512F.IsSupported}, BW {Avx512BW.IsSupported}, VBMI {Avx512Vbmi.IsSupported})";
        yield return $"huge pages: {Machine.HugePages}; memory: {Machine.Memory}";
        yield return string.Create(CultureInfo.InvariantCulture, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {DateTime.UtcNow:yyyy-MM-dd}");
    }
}
