using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Runs.Sections;

/// <summary>One of several data sets, an item of <c>data.sets</c>.</summary>
public sealed record DataSetSection
{
    /// <summary>A file, a folder of files, or a pattern such as <c>data/*.jsonl</c>. Required.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Path { get; init; }

    /// <summary>How often an epoch holds each document: 2 is twice, 0.5 half of them.</summary>
    /// <value>Default 1.</value>
    public double Weight { get; init; } = 1;

    /// <summary>The most records that are taken, the first ones.</summary>
    /// <value>Default unset: as <c>data.max_samples</c> says.</value>
    public int? MaxSamples { get; init; }

    /// <summary>What a record looks like.</summary>
    /// <value>Default <c>auto</c>: as <c>data.format</c> says.</value>
    public DataFormat Format { get; init; }

    /// <summary>The split of a folder or a pattern, by its own name.</summary>
    /// <value>Default unset: as <c>data.split</c> says.</value>
    public string? Split { get; init; }
}
