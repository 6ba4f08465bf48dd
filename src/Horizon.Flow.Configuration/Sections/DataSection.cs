using Horizon.Flow.Text;

namespace Horizon.Flow.Configuration;

/// <summary>The <c>data</c> section.</summary>
public sealed record DataSection
{
    /// <summary>Tokens of a sequence where neither the file nor the model sets fewer.</summary>
    internal const int LongestByDefault = 2048;

    /// <summary>A file, or a folder of files, to train on. Required by <c>train</c>.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Path { get; init; }

    /// <summary>What a record of the file looks like.</summary>
    /// <value>Default <c>auto</c>: told from the first record.</value>
    public DataFormat Format { get; init; } = DataFormat.Auto;

    /// <summary>The most tokens of one sequence.</summary>
    /// <value>Default unset: the lesser of what the model allows and <see cref="LongestByDefault"/>.</value>
    public int? SequenceLength { get; init; }

    /// <summary>Put several short documents into one sequence; they never attend to each other.</summary>
    /// <value>Default true.</value>
    /// <remarks>Packing wastes no tokens on padding, but a batch then holds a varying number of documents.</remarks>
    public bool Packing { get; init; } = true;

    /// <summary>What becomes of documents that are longer than a sequence.</summary>
    /// <value>Default <c>auto</c>: with packing conversations are cut and running text is split; without, everything is cut. Counts are said at the start.</value>
    public TooLong TooLong { get; init; }

    /// <summary>The share of records that may be malformed: they are left out and counted; where more are bad the data is refused.</summary>
    /// <value>Default 0.001.</value>
    public double MaxBadShare { get; init; } = 0.001;

    /// <summary>Draw documents in an order given by <c>training.seed</c> instead of the file's.</summary>
    /// <value>Default true.</value>
    public bool Shuffle { get; init; } = true;

    /// <summary>Learn the prompt too, not the answers alone.</summary>
    /// <value>Default false.</value>
    public bool TrainOnPrompt { get; init; }
}
