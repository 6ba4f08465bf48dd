using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Cli;

/// <summary>Plans with the library.</summary>
public sealed class Planner : IPlanner
{
    /// <inheritdoc/>
    public PlanReport Plan(RunConfiguration configuration, ByteSize? deviceMemory, ByteSize? hostMemory, int ranks, int machines, IProgress<DataProgress> progress) =>
        RunPlanner.Plan(configuration, deviceMemory, hostMemory, progress, ranks, machines);

    /// <inheritdoc/>
    public async Task<MachineRates> ProbeAsync(RunConfiguration configuration, IProgress<PhaseProgress> progress)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        using var device = ComputeDevice.Parse(configuration.Device);
        var folder = MachineRatesFile.Path is { } path ? Path.GetDirectoryName(path)! : Path.GetTempPath();
        var rates = await MachineProbe.MeasureAsync(device, folder, progress).ConfigureAwait(false);
        MachineRatesFile.Keep(rates);
        return rates;
    }
}
