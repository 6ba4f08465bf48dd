using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Text.Data;

/// <summary>A data set and how it becomes batches; the section `data` of a configuration.</summary>
public sealed record DataOptions
{
    /// <summary>A file, or a folder whose files are taken in ordinal order of their paths.</summary>
    public required string Path { get; init; }

    /// <summary>Several data sets, each with a file or folder of its own; then <see cref="Path"/> serves messages only.</summary>
    /// <value>Default: none, <see cref="Path"/> alone.</value>
    public IReadOnlyList<DataSetOptions> Sets { get; init; } = [];

    /// <summary>The most records that are taken, the first ones; of each of several sets.</summary>
    /// <value>Default: all.</value>
    public int? MaxSamples { get; init; }

    /// <summary>What the records' keys mean, where they have names of their own.</summary>
    /// <value>Default: found by looking.</value>
    public DataColumns Columns { get; init; } = new();

    /// <summary>The names that turns give to who speaks, each with the role that it is: user, assistant, system or tool.</summary>
    /// <value>Default: none beside the usual ones.</value>
    public IReadOnlyDictionary<string, string> Roles { get; init; } = new Dictionary<string, string>();

    /// <summary>What the records look like.</summary>
    /// <value>Default: <see cref="DataFormat.Auto"/>.</value>
    public DataFormat Format { get; init; }

    /// <summary>Which files of a folder are taken.</summary>
    /// <value>Default: <see cref="DataSplit.Train"/>.</value>
    public DataSplit Split { get; init; }

    /// <summary>The name of the split that is taken of a folder or a pattern, such as train_sft.</summary>
    /// <value>Default: told by <see cref="Split"/>.</value>
    public string? SplitName { get; init; }

    /// <summary>The share of the documents that is held out of training, drawn by the seed 0 and the number of documents alone; they become
    /// <see cref="BatchSource.HeldOut"/>.</summary>
    /// <value>Default: 0.</value>
    public double HeldOutShare { get; init; }

    /// <summary>The most tokens of a row; no more than the model allows.</summary>
    /// <value>Default: 2,048.</value>
    public int SequenceLength { get; init; } = 2048;

    /// <summary>Whether several documents share a row (they never attend to each other).</summary>
    /// <value>Default: true.</value>
    /// <remarks>Without, each document has a row of its own.</remarks>
    public bool Packing { get; init; } = true;

    /// <summary>What becomes of documents that are longer than <see cref="SequenceLength"/>; the counts are in <see cref="DataSummary"/>.</summary>
    /// <value>Default: <see cref="TooLong.Auto"/>.</value>
    public TooLong TooLong { get; init; }

    /// <summary>The share of records that may be malformed: they are left out and counted, where more are bad the data set is refused.</summary>
    /// <value>Default: 0.001, one record in a thousand.</value>
    public double MaxBadShare { get; init; } = 0.001;

    /// <summary>Whether the order is drawn anew for every epoch; otherwise the order of the files is kept.</summary>
    /// <value>Default: true.</value>
    public bool Shuffle { get; init; } = true;

    /// <summary>
    /// Whether batches hold rows of about one length: the drawn order is cut into pieces of some 50 batches, and each is sorted, the longest row of all first. Of use
    /// without <see cref="Packing"/>.
    /// </summary>
    /// <value>Default: false.</value>
    public bool GroupByLength { get; init; }

    /// <summary>Whether prompts are trained too, not the answers alone: the same as <see cref="TrainOn.All"/>.</summary>
    /// <value>Default: false.</value>
    public bool TrainOnPrompt { get; init; }

    /// <summary>What of a conversation is learned.</summary>
    /// <value>Default: <see cref="TrainOn.Answers"/>.</value>
    public TrainOn TrainOn { get; init; }

    /// <summary>The date that chat templates may write.</summary>
    /// <value>Default: today's.</value>
    public DateOnly? Date { get; init; }

    /// <summary>Noon of the date that chat templates may write.</summary>
    internal DateTime NoonOfDate => (Date?.ToDateTime(TimeOnly.MinValue) ?? TimeProvider.System.GetLocalNow().Date).AddHours(12);

    /// <summary>The folder that keeps the tokens of more than a few megabytes, so that another start with the same files and settings finds them.</summary>
    /// <value>Default: none; the tokens go to a temporary file, which goes with the process.</value>
    public string? CacheFolder { get; init; }
}
