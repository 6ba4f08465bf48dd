using Horizon.Flow.Runs.Data;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>data</c> section.</summary>
public sealed record DataSection
{
    /// <summary>Tokens of a sequence where neither the file nor the model sets fewer.</summary>
    internal const int LongestByDefault = 2048;

    /// <summary>A file, a folder of files, or a pattern such as <c>data/*.jsonl</c>, to train on; a list of such is
    /// the same as <c>sets</c> of the weight 1. <c>train</c> requires it, or <c>sets</c>.</summary>
    /// <value>No default.</value>
    [PathKey(OrListKey = "sets")]
    public string? Path { get; init; }

    /// <summary>Several data sets in the place of <c>path</c>, each with <c>path</c>, <c>weight</c>, <c>max_samples</c>, <c>format</c> and <c>split</c>.</summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<DataSetSection> Sets { get; init; } = [];

    /// <summary>The split of a folder or a pattern that is trained on, by its own name, such as <c>train_sft</c>.</summary>
    /// <value>Default unset: the files that are named train, or that name no split.</value>
    public string? Split { get; init; }

    /// <summary>The most records that are taken, the first ones; of several sets, of each.</summary>
    /// <value>Default unset: all.</value>
    public int? MaxSamples { get; init; }

    /// <summary>The data's own keys, where they are not found by looking.</summary>
    public DataColumns Columns { get; init; } = new();

    /// <summary>The data's own names for who speaks.</summary>
    public DataRolesSection Roles { get; init; } = new();

    /// <summary>What a record of the file looks like.</summary>
    /// <value>Default <c>auto</c>: told from the first record.</value>
    public DataFormat Format { get; init; } = DataFormat.Auto;

    /// <summary>The most tokens of one sequence.</summary>
    /// <value>Default unset: the lesser of what the model allows and <see cref="LongestByDefault"/>.</value>
    public int? SequenceLength { get; init; }

    /// <summary>Put several short documents into one sequence; they never attend to each other.</summary>
    /// <value>Default true.</value>
    /// <remarks>Packing makes sequences, and so steps, of nearly one size; without, each document is a sequence of its own, as long as it is.</remarks>
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

    /// <summary>Batches of documents of about one length: drawn in some 50 batches at a time, which are sorted. Without <see cref="Packing"/> alone.</summary>
    /// <value>Default false.</value>
    public bool GroupByLength { get; init; }

    /// <summary>Learn the prompt too, not the answers alone; the same as <c>train_on: all</c>.</summary>
    /// <value>Default false.</value>
    public bool TrainOnPrompt { get; init; }

    /// <summary>What of a conversation is learned: the <c>answers</c>, <c>all</c> of it, or the <c>last</c> answer.</summary>
    /// <value>Default <c>answers</c>.</value>
    public TrainOn TrainOn { get; init; }

    /// <summary>A chat template in the place of the model folder's: a file, or the name of one of <see cref="KnownTemplates"/>, <c>chatml</c> say. The trained model has it too.</summary>
    /// <value>Default unset: the folder's.</value>
    [PathKey(OrName = true)]
    public string? ChatTemplate { get; init; }

    /// <summary>The date that chat templates may write, as <c>2026-01-31</c>.</summary>
    /// <value>Default unset: today's.</value>
    public string? Date { get; init; }

    /// <summary>
    /// The folder that keeps the tokens of large data, so that another start with the same files, tokenizer and settings begins at once; <c>false</c> keeps
    /// none.
    /// </summary>
    /// <value>Default unset: <c>horizon-flow/tokens</c> in the user's cache folder (<c>$XDG_CACHE_HOME</c>, <c>~/.cache</c>).</value>
    [PathKey(OrWord = NoCache)]
    public string? Cache { get; init; }

    private const string NoCache = "false";

    /// <summary>The folder that keeps tokens; null for none.</summary>
    internal string? CacheFolder => Cache switch
    {
        NoCache => null,
        null => UserCache.Folder("tokens"),
        _ => Cache,
    };

    /// <summary>The files of the data, for messages: its path, or those of its sets; null where there is none.</summary>
    internal string? Name => Sets.Count > 0 ? string.Join(", ", Sets.Select(set => set.Path)) : Path;
}
