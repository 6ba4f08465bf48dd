using Horizon.Flow.Activations;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Blueprint;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a run will use where.</summary>
/// <param name="Model">Model, size and precision in a few words.</param>
/// <param name="Items">The kinds of data in device and host memory; on the CPU device both lie in the host's.</param>
/// <param name="DeviceMemory">How much device memory there is; null where it is not known.</param>
/// <param name="HostMemory">How much host memory there is; null where it is not known.</param>
/// <param name="Binds">What limits the run, in a few words.</param>
/// <param name="BestBatchSize">The largest <c>training.batch_size</c> that fits and leaves the system room; null where none does.</param>
public sealed record PlanReport(
    string Model, IReadOnlyList<MemoryItem> Items, ByteSize? DeviceMemory, ByteSize? HostMemory, string Binds, int? BestBatchSize)
{
    private const double RoomShare = 0.04;

    /// <summary>What becomes of the layers' activations.</summary>
    public ActivationChoice? Activations { get; init; }

    /// <summary>The same in words, with the reason; empty where there is none.</summary>
    public string ActivationsReason { get; init; } = "";

    /// <summary>Steps, epochs and tokens, and what decides them; null where the data were not read.</summary>
    public RunLength? Length { get; init; }

    /// <summary>The length in words, or why it is not known; empty where nobody asked.</summary>
    public string LengthDescription { get; init; } = "";

    /// <summary>What a step of one of several ranks moves; null where there is one.</summary>
    public StepTraffic? Traffic { get; init; }

    /// <summary>What a step has to do and how long that takes; null where nobody reckoned.</summary>
    public StepCost? Cost { get; init; }

    /// <summary>The share of the parameters whose weights are updated before their optimizer's state, see <see cref="PipelineOptions.WeightsFirst"/>.</summary>
    public double WeightsFirst { get; init; }

    /// <summary>The <c>training.batch_size</c> that is best: the smallest with nearly the most tokens a second; null where none fits.</summary>
    public int? RecommendedBatchSize { get; init; }

    /// <summary>Parameters of the model.</summary>
    public long ParameterCount { get; init; }

    /// <summary>What a batch that is recommended leaves of host memory to the system, which stands still without.</summary>
    public ByteSize SystemRoom => new((long)(RoomShare * (HostMemory?.Bytes ?? 0)));

    /// <summary>Whether the run fits and leaves the system room.</summary>
    public bool FitsWithRoom => Fits && (HostMemory is not { } host || Needed(MemoryPlace.Host).Bytes <= host.Bytes - SystemRoom.Bytes);

    /// <summary>Whether the run fits into both.</summary>
    public bool Fits => Fit(MemoryPlace.Device) && Fit(MemoryPlace.Host);

    /// <summary>How much of a memory there is; null where it is not known.</summary>
    public ByteSize? Available(MemoryPlace place) => place == MemoryPlace.Host ? HostMemory : DeviceMemory;

    /// <summary>The sum of what lies in a memory.</summary>
    public ByteSize Needed(MemoryPlace place) => new(Items.Where(item => item.Place == place).Sum(item => item.Bytes));

    /// <summary>Whether what lies in a memory fits there.</summary>
    public bool Fit(MemoryPlace place) => Available(place) is not { } available || Needed(place) <= available;
}
