using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Runs.Planning;

/// <summary>How long a step takes at the least by each resource, and how long it is likely to take. All in seconds.</summary>
/// <param name="Compute">Operations / rate of products.</param>
/// <param name="Between">Bytes of the operators between products / rate of device memory; these run on the same device, one after another with the products.</param>
/// <param name="Upload">Bytes up / link.</param>
/// <param name="Download">Bytes down / link.</param>
/// <param name="Update">The optimizer's bytes / rate of host memory.</param>
/// <param name="Border">Between two steps: the largest unit's gradient comes down, is applied, and the unit goes up.</param>
public sealed record StepTime(double Compute, double Between, double Upload, double Download, double Update, double Border)
{
    /// <summary>The floor: everything overlaps, and the slowest resource is never idle.</summary>
    public double Floor => Math.Max(Math.Max(Compute, Update), Math.Max(Upload, Download));

    /// <summary>The resource of the floor.</summary>
    public string Binds => Floor == Compute ? "compute" : Floor == Update ? "update" : Floor == Upload ? "upload" : "download";

    /// <summary>What lies before the first update, where the norm of all gradients is waited for.</summary>
    public double BeforeUpdates { get; init; }

    /// <summary>What the step is likely to take.</summary>
    public double Predicted => Math.Max(Math.Max(Compute + Between, Math.Max(Update, Math.Max(Upload, Download))) + Border, BeforeUpdates + Update);

    /// <summary>The time of a step's work at a machine's rates.</summary>
    /// <param name="work">The work.</param>
    /// <param name="rates">The rates.</param>
    /// <param name="precision">What is multiplied in.</param>
    /// <param name="gpu">Whether on a GPU; else copies and products share the processor, and nothing lies beside anything.</param>
    public static StepTime Of(StepWork work, MachineRates rates, StorePrecision precision, bool gpu)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(rates);
        var (ranks, hosts) = ((double)work.Ranks, rates.HostMemory * work.Machines);
        var time = new StepTime(
            (work.Operations - (work.Fp8Operations * (1 - (1 / MachineRates.Fp8Factor(gpu))))) / rates.OperationsIn(precision, gpu) / ranks, work.BytesBetween / rates.DeviceMemory / ranks, work.BytesUp / rates.Up / ranks, work.BytesDown / rates.Down / ranks, work.BytesUpdated / hosts,
            (work.BorderBytes.Up / rates.Up / ranks) + (work.BorderBytes.Down / rates.Down / ranks) + (work.BorderBytes.Updated / hosts));
        return time with { BeforeUpdates = work.ShareBeforeUpdates * (time.Compute + time.Between) };
    }
}
