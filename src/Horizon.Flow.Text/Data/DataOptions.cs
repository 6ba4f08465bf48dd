namespace Horizon.Flow.Text;

/// <summary>A data set and how it becomes batches; the section `data` of a configuration.</summary>
public sealed record DataOptions
{
    /// <summary>A file, or a folder whose files are taken in ordinal order of their names.</summary>
    public required string Path { get; init; }

    /// <summary>What the records look like.</summary>
    /// <value>Default: <see cref="DataFormat.Auto"/>.</value>
    public DataFormat Format { get; init; }

    /// <summary>The most tokens of a row.</summary>
    /// <value>Default: 256.</value>
    public int SequenceLength { get; init; } = 256;

    /// <summary>Whether several documents share a row (they never attend to each other) and long ones continue in further rows.</summary>
    /// <value>Default: true.</value>
    /// <remarks>Without, each document is one row, cut off at <see cref="SequenceLength"/> and padded.</remarks>
    public bool Packing { get; init; } = true;

    /// <summary>Whether the order is drawn anew for every epoch; otherwise the order of the files is kept.</summary>
    /// <value>Default: true.</value>
    public bool Shuffle { get; init; } = true;

    /// <summary>Whether prompts are trained too, not the answers alone.</summary>
    /// <value>Default: false.</value>
    public bool TrainOnPrompt { get; init; }
}
