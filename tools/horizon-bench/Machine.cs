using System.Runtime.InteropServices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Bench;

/// <summary>What the figures depend on.</summary>
internal static class Machine
{
    private const string HugePagesFile = "/sys/kernel/mm/transparent_hugepage/enabled";

    public static IEnumerable<string> Describe()
    {
        yield return $"{Processor}, {Environment.ProcessorCount} processors, memory {Memory}, huge pages {HugePages}";
        yield return FormattableString.Invariant($"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, libtorch from {NativeTorch.Load()}");
    }

    public static string Processor => Field("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString();

    public static string Memory => Field("/proc/meminfo", "MemTotal") ?? "unknown";

    public static string HugePages => File.Exists(HugePagesFile) ? File.ReadAllText(HugePagesFile).Trim() : "unknown";

    private static string? Field(string file, string name) => !File.Exists(file) ? null
        : File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':')[1].Trim();
}
