namespace Horizon.Flow.Models;

/// <summary>Rotary position embedding settings.</summary>
public sealed record RopeConfig
{
    /// <summary>The base of the geometric row of frequencies (<c>rope_theta</c>).</summary>
    /// <value>10,000.</value>
    public double Theta { get; init; } = 10_000;

    /// <summary>How frequencies are scaled.</summary>
    public RopeKind Kind { get; init; }

    /// <summary>By how much the context was stretched.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>Wavelengths above original context / this are divided by <see cref="Factor"/>; llama3 only.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Wavelengths below original context / this stay as they are; llama3 only.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Tokens of the context before it was stretched; llama3, yarn and longrope. For dynamic, the longest sequence that nothing is changed for.</summary>
    public int OriginalMaximumSequenceLength { get; init; } = 8192;

    /// <summary>The part of each head's channels that turns (<c>partial_rotary_factor</c>); the others stay as they are.</summary>
    /// <value>1.</value>
    public double RotatedFraction { get; init; } = 1;

    /// <summary>Neighbouring channels turn together, instead of channel i and i + half of the width.</summary>
    public bool Interleaved { get; init; }

    /// <summary>Cosines and sines are multiplied by it; yarn and longrope.</summary>
    /// <value>1.</value>
    public double AttentionFactor { get; init; } = 1;

    /// <summary>Pairs that turn at least this often within the original context keep their frequency; yarn only.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>Pairs that turn at most this often within the original context are divided by <see cref="Factor"/>; yarn only.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>Whether the bounds that <see cref="BetaFast"/> and <see cref="BetaSlow"/> give are whole pairs; yarn only.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>One divisor a pair for sequences within the original context; longrope only.</summary>
    public IReadOnlyList<double> ShortFactors { get; init; } = [];

    /// <summary>One divisor a pair for longer sequences; longrope only.</summary>
    public IReadOnlyList<double> LongFactors { get; init; } = [];

    /// <summary>Whether both mean the same; lists are compared by what is in them.</summary>
    public bool IsSameAs(RopeConfig other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return ShortFactors.SequenceEqual(other.ShortFactors) && LongFactors.SequenceEqual(other.LongFactors)
            && this with { ShortFactors = other.ShortFactors, LongFactors = other.LongFactors } == other;
    }

    /// <summary>The channels of a head that the tables turn.</summary>
    /// <param name="headDimension">Width of a head.</param>
    internal int RotatedWidth(int headDimension) => Kind == RopeKind.Proportional ? headDimension : (int)(headDimension * RotatedFraction);
}
