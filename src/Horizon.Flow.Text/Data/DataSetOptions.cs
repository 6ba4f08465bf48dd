namespace Horizon.Flow.Text.Data;

/// <summary>One of several data sets.</summary>
public sealed record DataSetOptions
{
    /// <summary>A file, a folder, or a pattern such as <c>data/*.jsonl</c>.</summary>
    public required string Path { get; init; }

    /// <summary>What its records look like.</summary>
    /// <value>Default: <see cref="DataFormat.Auto"/>, as <see cref="DataOptions.Format"/> says.</value>
    public DataFormat Format { get; init; }

    /// <summary>The name of the split that is taken of a folder or a pattern.</summary>
    /// <value>Default: as <see cref="DataOptions.SplitName"/> says.</value>
    public string? Split { get; init; }

    /// <summary>How often an epoch holds each of its documents: 2 is twice, 0.5 half of them.</summary>
    /// <value>Default: 1.</value>
    public double Weight { get; init; } = 1;

    /// <summary>The most records that are taken, the first ones.</summary>
    /// <value>Default: all.</value>
    public int? MaxSamples { get; init; }
}
