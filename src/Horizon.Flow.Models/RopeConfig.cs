namespace Horizon.Flow.Models;

/// <summary>Rotary position embedding settings.</summary>
public sealed record RopeConfig
{
    /// <summary>The base of the geometric row of frequencies (<c>rope_theta</c>).</summary>
    /// <value>10,000.</value>
    public double Theta { get; init; } = 10_000;

    /// <summary>How frequencies are scaled.</summary>
    public RopeKind Kind { get; init; }

    /// <summary>By how much the context was stretched; linear and llama3.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>Wavelengths above original context / this are divided by <see cref="Factor"/>; llama3 only.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Wavelengths below original context / this stay as they are; llama3 only.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Tokens of the context before it was stretched; llama3 only.</summary>
    public int OriginalMaximumSequenceLength { get; init; } = 8192;
}
