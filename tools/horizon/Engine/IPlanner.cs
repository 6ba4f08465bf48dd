using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>Adds up what a run will need; what <c>horizon plan</c> needs of the library.</summary>
public interface IPlanner
{
    /// <summary>The plan, from the model's <c>config.json</c> without its weights, and from the data where they are at hand.</summary>
    /// <param name="configuration">A configuration that names a model.</param>
    /// <param name="deviceMemory">Device memory to plan for; null asks the device.</param>
    /// <param name="hostMemory">Host memory to plan for; null asks the machine.</param>
    /// <param name="ranks">Ranks of a machine, a device each.</param>
    /// <param name="machines">Machines.</param>
    /// <param name="progress">Is told how far the reading of the data is.</param>
    /// <exception cref="HorizonException">The model is not known, or the like.</exception>
    PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory, int ranks, int machines, IProgress<DataProgress> progress);

    /// <summary>Measures the machine and keeps the rates for later plans.</summary>
    /// <param name="configuration">Names the device.</param>
    /// <param name="progress">Is told what is measured.</param>
    /// <exception cref="HorizonException">There is no such device, or the rates cannot be kept.</exception>
    Task<MachineRates> ProbeAsync(RunConfiguration configuration, IProgress<PhaseProgress> progress);
}
