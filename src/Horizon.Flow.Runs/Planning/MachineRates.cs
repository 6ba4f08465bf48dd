using System.Text.Json.Serialization;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Planning;

/// <summary>How fast a machine is; measured there, or assumed.</summary>
/// <param name="Device">The device's name.</param>
/// <param name="MatrixOperations">Operations a second of large matrix products, in bf16 on a GPU and in fp32 on a processor.</param>
/// <param name="Up">Bytes a second from page-locked host memory to the device.</param>
/// <param name="Down">Bytes a second from the device.</param>
/// <param name="HostMemory">Bytes a second that all processors read and write in host memory.</param>
/// <param name="DeviceMemory">Bytes a second that the device reads and writes in its memory.</param>
/// <param name="Disk">Bytes a second that a file is written with.</param>
/// <param name="Source">Where the numbers are from, in words: "measured on 2026-11-26", "assumed: …".</param>
public sealed record MachineRates(string Device, double MatrixOperations, double Up, double Down, double HostMemory, double DeviceMemory, double Disk, string Source)
{
    // Of the published dense bf16 rate, what large products reach; measured on an H100 (680 of 989 TFLOP/s).
    private const double Reached = 0.69;
    private const double ReachedMemory = 0.9;
    private const double CoreOperations = 30e9;

    /// <summary>What the source of measured rates begins with.</summary>
    internal const string Measured = "measured";

    // A machine's processors for each of its GPUs, where nobody counted them.
    private const int AssumedProcessors = 16;

    // Updates with moments of 8 bits, parameters a second of a processor: measured on 16 of a Xeon with AVX-512 (docs/benchmarks/2026-11-26-plan.md).
    private const double EighthsAProcessor = 206e6;

    // By a part of the name: dense bf16 operations a second with fp32 sums as published, those in fp32, and bytes a second of the link, each way, as such a link reaches, and of device memory as published.
    private static readonly (string Name, double Peak, double Single, double Link, double Memory)[] Known =
    [
        ("B200", 2250e12, 80e12, 55e9, 8e12), ("H200", 989e12, 67e12, 55e9, 4.8e12), ("H100 PCIe", 756e12, 51e12, 55e9, 2e12), ("H100", 989e12, 67e12, 55e9, 3.35e12), ("A100", 312e12, 19.5e12, 25e9, 1.9e12),
        ("L40S", 362e12, 91.6e12, 25e9, 0.86e12), ("A10", 125e12, 31.2e12, 25e9, 0.6e12), ("RTX 5090", 210e12, 104.8e12, 55e9, 1.79e12), ("RTX 4090", 165e12, 82.6e12, 25e9, 1e12),
        ("RTX 3090", 71e12, 35.6e12, 25e9, 0.94e12), ("T4", 65e12, 8.1e12, 12e9, 0.3e12), ("V100", 125e12, 15.7e12, 12e9, 0.9e12),
    ];

    /// <summary>Of the rate of products, what attention reaches on a GPU, forward and backward together, by flash with sums in a fixed order; measured on an H100 in steps of rows of 8,192 to 131,072.</summary>
    internal const double AttentionShare = 0.38;

    // The same without a fixed order, by the kernels' times; and of whole rows by cuDNN, with sums in order by a kernel of the device's own or without (docs/benchmarks/2026-11-26-attention.md).
    private const double UnorderedShare = 0.44, OrderedRowsShare = 0.49, UnorderedRowsShare = 0.68;

    /// <summary>Operations a second of a layer's products in fp32 on a GPU, without the shorter numbers that tensor cores take; 0 where nobody knows.</summary>
    public double SingleOperations { get; init; }

    /// <summary>Processors of the machine; 0 where nobody counted them.</summary>
    public int Processors { get; init; }

    /// <summary>Rates of a device that nobody measured.</summary>
    /// <param name="device">Its name; a GPU is known by a part of it.</param>
    /// <param name="gpu">Whether it is a GPU.</param>
    public static MachineRates Assumed(string device, bool gpu)
    {
        ArgumentNullException.ThrowIfNull(device);
        const double HostMemory = 100e9, Disk = 1e9;
        if (!gpu)
        {
            var cores = Environment.ProcessorCount;
            return new(device, cores * CoreOperations, HostMemory / 2, HostMemory / 2, HostMemory / 2, HostMemory / 2, Disk, $"assumed for {cores} processors") { Processors = cores };
        }

        var known = Known.FirstOrDefault(one => device.Contains(one.Name, StringComparison.OrdinalIgnoreCase));
        var name = known.Name ?? "H100";
        var (peak, single, link, memory) = known.Name is null ? (989e12, 67e12, 55e9, 3.35e12) : (known.Peak, known.Single, known.Link, known.Memory);
        return new(device, Reached * peak, link, link, 1.5 * HostMemory, ReachedMemory * memory, Disk, $"assumed: those of a{(name[0] is 'A' or 'H' or 'L' or 'R' ? "n" : "")} {name}") { SingleOperations = Reached * single };
    }

    /// <summary>What attention reaches of the rate of products on a GPU: by <see cref="AttentionShare"/> where nothing better is known of the device and the rows.</summary>
    /// <param name="width">Channels of a head.</param>
    /// <param name="deterministic">Whether sums are in a fixed order.</param>
    /// <param name="wholeRows">Whether every row is one document that fills it.</param>
    /// <param name="operators">What the device computes by kernels of its own; null where that is not known.</param>
    public static double AttentionShareOf(long width, bool deterministic, bool wholeRows, IUnitOperators? operators) =>
        wholeRows && operators is { AttendsByRow: true } && !deterministic ? UnorderedRowsShare
        : wholeRows && deterministic && operators?.RowAttention?.Takes(width, TorchSharp.torch.ScalarType.BFloat16) == true ? OrderedRowsShare
        : deterministic ? AttentionShare : UnorderedShare;

    /// <summary>Whether somebody measured them.</summary>
    [JsonIgnore]
    public bool IsMeasured => Source.StartsWith(Measured, StringComparison.Ordinal);

    /// <summary>How many times as fast as in bf16 products in fp8 are: measured on an H100, scales by tensor (docs/benchmarks/2026-11-26-fp8.md). A processor only emulates them.</summary>
    public static double Fp8Factor(bool gpu) => gpu ? 1.7 : 0.5;

    /// <summary>The rate of products in a precision; in fp32 on a GPU a fifteenth of that in bf16 where it is not known, as on an H100.</summary>
    public double OperationsIn(StorePrecision precision, bool gpu) =>
        !gpu || precision != StorePrecision.Fp32 ? MatrixOperations : SingleOperations > 0 ? SingleOperations : MatrixOperations / 15;

    /// <summary>Parameters a second that a machine updates with moments of 8 bits.</summary>
    internal double EighthsUpdated(int gpus) => EighthsAProcessor * (Processors > 0 ? Processors : IsMeasured ? Environment.ProcessorCount : AssumedProcessors * gpus);
}
