using Horizon.Flow.Text;

namespace Horizon.Flow.Configuration;

/// <summary>The <c>data</c> section.</summary>
public sealed record DataSection
{
    /// <summary>A file, or a folder of files, to train on. Required by <c>train</c>.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Path { get; init; }

    /// <summary>What a record of the file looks like.</summary>
    /// <value>Default <c>auto</c>: told from the first record.</value>
    public DataFormat Format { get; init; } = DataFormat.Auto;

    /// <summary>Tokens in one sequence; longer documents are cut.</summary>
    /// <value>Default 256 tokens.</value>
    public int SequenceLength { get; init; } = 256;

    /// <summary>Put several short documents into one sequence; they never attend to each other.</summary>
    /// <value>Default true.</value>
    /// <remarks>Packing wastes no tokens on padding, but a batch then holds a varying number of documents.</remarks>
    public bool Packing { get; init; } = true;

    /// <summary>Draw documents in an order given by <c>training.seed</c> instead of the file's.</summary>
    /// <value>Default true.</value>
    public bool Shuffle { get; init; } = true;

    /// <summary>Learn the prompt too, not the answers alone.</summary>
    /// <value>Default false.</value>
    public bool TrainOnPrompt { get; init; }
}
