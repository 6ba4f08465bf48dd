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
    // The state that follows its weights is swept by half of the threads: 100 GB/s were measured where all of them move 150.
    private const double SlowerBehind = 1.5;

    /// <summary>What attention takes longer than products of as many operations, which the floor does not count.</summary>
    public double Attention { get; init; }

    /// <summary>Of <see cref="Compute"/> the part beside which updates run where they wait for the norm of all gradients: the first forward. Null where nothing is clipped.</summary>
    public double? BesideUpdates { get; init; }

    /// <summary>Of <see cref="Update"/> the state that follows its weights, beside head and backward.</summary>
    public double Behind { get; init; }

    /// <summary>All that is computed but the part beside which updates run: head and backward, beside which state may follow. Null where nothing is clipped.</summary>
    public double? AfterUpdates => BesideUpdates is { } beside ? Rest(Compute, beside) : null;

    /// <summary>The floor: everything overlaps that may, and the slowest resource is never idle.</summary>
    public double Floor => Math.Max(Slowest(Compute), Clipped);

    /// <summary>Updates that wait for the norm of all gradients, and what cannot run beside them; 0 where nothing is clipped.</summary>
    public double Clipped => AfterNorm(Compute);

    /// <summary>The resource of the floor; <c>clipping</c> where updates and what they cannot run beside take longest.</summary>
    public string Binds => Floor == Compute ? "compute" : Floor == Update ? "update" : Floor == Upload ? "upload" : Floor == Download ? "download" : "clipping";

    /// <summary>What the step is likely to take.</summary>
    public double Predicted => Math.Max(Slowest(Compute + Attention + Between) + Border, AfterNorm(Compute + Attention + Between));

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
        var eighths = work.Fp8Operations * (1 - (1 / MachineRates.Fp8Factor(gpu)));
        var behind = SlowerBehind * work.BytesBehind / hosts;
        var compute = (work.Operations - eighths) / rates.OperationsIn(precision, gpu) / ranks;
        var bytes = work.BytesUpdated - work.BytesBehind;
        var updated = Math.Max(bytes / hosts, work.UpdatedInEighths / (rates.EighthsUpdated(work.Ranks / work.Machines) * work.Machines));
        return new(
            compute, work.BytesBetween / rates.DeviceMemory / ranks, work.BytesUp / rates.Up / ranks, work.BytesDown / rates.Down / ranks, updated + behind,
            (work.BorderBytes.Up / rates.Up / ranks) + (work.BorderBytes.Down / rates.Down / ranks) + (bytes > 0 ? updated * work.BorderBytes.Updated / bytes : 0))
        {
            Attention = gpu ? work.AttentionOperations / rates.OperationsIn(precision, gpu) / ranks * ((1 / work.AttentionShare) - 1) : 0,
            BesideUpdates = work.OperationsBesideUpdates * compute / work.Operations,
            Behind = behind,
        };
    }

    private double Slowest(double computed) => Math.Max(Math.Max(computed, Update), Math.Max(Upload, Download));

    // One after another: the update, or its weights, and all that is computed but the first forward, to which its share of the time between products belongs.
    private double AfterNorm(double computed) => BesideUpdates is { } beside && Compute > 0 ? Update - Behind + Math.Max(Rest(computed, beside), Behind) : 0;

    private double Rest(double computed, double beside) => computed * Math.Max(0, 1 - (beside / Compute));
}
