using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Cli;

/// <summary>Adds up what a run will need; what <c>horizon plan</c> needs of the library.</summary>
public interface IPlanner
{
    /// <summary>The plan, from the model's <c>config.json</c> alone.</summary>
    /// <param name="configuration">A configuration that names a model.</param>
    /// <param name="deviceMemory">Device memory to plan for; null asks the device.</param>
    /// <param name="hostMemory">Host memory to plan for; null asks the machine.</param>
    /// <exception cref="HorizonException">The model is not known, or the like.</exception>
    PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory);
}
