using System.Reflection;
using System.Runtime.InteropServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Loading;

namespace Horizon.Flow.Runs.Reports;

/// <summary>What a run was: configuration, versions, machine and graph, as they stand in its <c>run.json</c>.</summary>
internal sealed record RunFacts(
    string Description,
    string Version,
    string Runtime,
    string System,
    string Processor,
    int Processors,
    long MemoryBytes,
    string Device,
    DateTimeOffset Started,
    string Configuration,
    IReadOnlyList<DrawnNode> Nodes,
    IReadOnlyList<DrawnEdge> Edges)
{
    public static RunFacts Of(RunBlueprint blueprint, TrainingPlan plan, IComputeDevice device)
    {
        var drawing = plan.Draw(blueprint.Precision);
        return new(
            blueprint.Description,
            typeof(RunFacts).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
            RuntimeInformation.FrameworkDescription,
            RuntimeInformation.OSDescription,
            ProcessorName() ?? RuntimeInformation.ProcessArchitecture.ToString(),
            Environment.ProcessorCount,
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            device.Name,
            TimeProvider.System.GetUtcNow(),
            ConfigurationWriter.ToYaml(blueprint.Configuration),
            drawing.Nodes,
            drawing.Edges);
    }

    private static string? ProcessorName() => !File.Exists("/proc/cpuinfo") ? null
        : File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim();
}
