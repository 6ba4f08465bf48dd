using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>What the command line asks of a step benchmark.</summary>
internal sealed record StepSettings
{
    public required string Device { get; init; }

    public required TimeSpan Limit { get; init; }

    public required string Shape { get; init; }

    public int? Layers { get; init; }

    /// <summary>Units that hold the experts of a layer; 0 for as many as the program chooses.</summary>
    public int Parts { get; init; } = 1;

    public int Batch { get; init; }

    public int Sequence { get; init; }

    /// <summary>Documents of a micro-batch that lie in one row, of 16 to <see cref="Sequence"/> tokens, log-uniform; 0 for <see cref="Batch"/> full rows.</summary>
    public int Documents { get; init; }

    public int Steps { get; init; }

    public int WarmUp { get; init; }

    public required string Precision { get; init; }

    /// <summary>How products in fp8 are computed; null in other precisions.</summary>
    public Fp8Options? Fp8 { get; init; }

    public required string Optimizer { get; init; }

    public double Clip { get; init; }

    public int Interval { get; init; }

    public int Accumulation { get; init; }

    public int DeviceBuffers { get; init; }

    public int GradientBuffers { get; init; }

    public int Slabs { get; init; }

    /// <summary>Shares of the parameters whose weights are updated before their optimizer's state; a run for each.</summary>
    public required IReadOnlyList<double> WeightsFirst { get; init; }

    public int Threads { get; init; }

    public bool Floor { get; init; }

    /// <summary>Whether the device's own operators between matrix products are replaced by libtorch's.</summary>
    public bool EagerOperators { get; init; }

    /// <summary>Whether each expert is a product of its own where the device multiplies groups.</summary>
    public bool SingleExperts { get; init; }

    /// <summary>Whether flash computes the ordered backward of attention over whole rows where the device has a kernel for it.</summary>
    public bool FlashRows { get; init; }

    /// <summary>Whether gradients of experts without tokens, zeros, travel as the others do.</summary>
    public bool SendsZeros { get; init; }

    /// <summary>Whether the layers' backward is derived by autograd.</summary>
    public bool AutogradLayers { get; init; }

    /// <summary>What becomes of the layers' activations, in the words of the command line.</summary>
    public required string Activations { get; init; }

    /// <summary>Whether two runs give the same bits.</summary>
    public bool Deterministic { get; init; } = true;

    public string? Timeline { get; init; }

    public string? Picture { get; init; }

    public bool Csv { get; init; }

    /// <summary>Rows of a micro-batch, or its documents.</summary>
    public int Rows => Documents > 0 ? Documents : Batch;

    /// <summary>Tokens that no micro-batch has more of.</summary>
    public long MostTokens => Documents == 0 ? (long)Batch * Sequence
        : Enumerable.Range(0, Steps * Accumulation).Max(seed => (long)StepDocuments.Lengths(this, new Random(seed)).Sum());

    /// <summary>Tokens of a micro-batch, on the average.</summary>
    public long Tokens => Documents == 0 ? (long)Batch * Sequence
        : (long)Enumerable.Range(0, Steps * Accumulation).Average(seed => StepDocuments.Lengths(this, new Random(seed)).Sum());

    public string Summary => FormattableString.Invariant(
        $"{Shape}{(Layers is null ? "" : $" with {Layers} layers")}{(Parts == 1 ? "" : $" with experts in {Parts} parts")}, {(Documents > 0 ? $"{Documents} documents of 16 to {Sequence}" : $"{Batch} x {Sequence}")}{(Accumulation > 1 ? $" x {Accumulation}" : "")}, {Precision}{(Fp8 is { } fp8 ? $" by {fp8.Scaling}, gradients {fp8.Gradients}{(fp8.FastGradients ? ", fast" : "")}{(fp8.Fp8Tapes ? ", tapes in fp8" : "")}" : "")}, {Optimizer}, clip {Clip}, interval {Interval}, {DeviceBuffers} weight and {GradientBuffers} gradient buffers, activations {Activations}{(EagerOperators ? ", eager operators" : "")}{(SingleExperts ? ", experts one by one" : "")}{(FlashRows ? ", rows by flash" : "")}{(SendsZeros ? ", zeros sent" : "")}{(AutogradLayers ? ", autograd layers" : "")}{(Deterministic ? "" : ", not deterministic")}");
}
