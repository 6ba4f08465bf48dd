using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>Plans with the library.</summary>
public sealed class Planner : IPlanner
{
    /// <inheritdoc/>
    public PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory, int ranks, int machines, IProgress<DataProgress> progress) =>
        RunPlanner.Plan(configuration, deviceMemory, hostMemory, progress, ranks, machines);
}
