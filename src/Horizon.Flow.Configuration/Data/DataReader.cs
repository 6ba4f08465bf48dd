using System.Globalization;
using Horizon.Flow.Text;

namespace Horizon.Flow.Configuration;

/// <summary>Reads training and held-out data with the same settings.</summary>
internal static class DataReader
{
    /// <summary>The model folder's tokenizer, where the data may need one.</summary>
    public static HuggingFaceTokenizer? OpenTokenizer(RunConfiguration configuration)
    {
        var folder = configuration.Model.Path!;
        var isNeeded = configuration.Evaluation.Prompt is not null || configuration.Data.Format is not (DataFormat.Tokens or DataFormat.Auto);
        var isWanted = isNeeded || (configuration.Data.Format == DataFormat.Auto && File.Exists(Path.Combine(folder, "tokenizer.json")));
        return isWanted ? HuggingFaceTokenizer.Load(folder) : null;
    }

    public static BatchSource Open(RunBlueprint blueprint, ITokenizer? tokenizer, string path, DataSplit split)
    {
        var data = blueprint.Configuration.Data;
        var training = blueprint.Configuration.Training;
        // Held-out data of its own has its own files, whole.
        var isOwn = split == DataSplit.Train || blueprint.Configuration.Evaluation.Path is null;
        var options = new DataOptions
        {
            Path = path,
            Sets = isOwn ? [.. data.Sets.Select(set => new DataSetOptions
            {
                Path = set.Path!,
                Format = set.Format,
                Split = set.Split,
                Weight = set.Weight,
                MaxSamples = set.MaxSamples,
            })] : [],
            MaxSamples = isOwn ? data.MaxSamples : null,
            Columns = ColumnsOf(data),
            Format = data.Format,
            Split = split,
            SplitName = isOwn ? data.Split : null,
            HeldOutShare = blueprint.Configuration.Evaluation.Fraction,
            SequenceLength = data.SequenceLength ?? blueprint.SequenceLength,
            Packing = data.Packing,
            TooLong = data.TooLong,
            MaxBadShare = data.MaxBadShare,
            Shuffle = data.Shuffle && split == DataSplit.Train,
            TrainOnPrompt = data.TrainOnPrompt,
            TrainOn = data.TrainOn,
            Date = data.Date is { } date ? DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture) : null,
        };
        var source = BatchSource.Open(options, tokenizer, blueprint.Model.VocabularySize, training.BatchSize, training.Seed);
        CheckLength(blueprint, source, path);
        return source;
    }

    /// <summary>
    /// Tokens and bytes that a source holds in memory: its documents, each once however often it is trained on, 4 bytes a token (8 where labels are
    /// kept apart from the ids), and the objects around each document and row.
    /// </summary>
    public static (long Tokens, long Bytes) HeldBy(BatchSource source)
    {
        const int DocumentBytes = 128;
        const int RowBytes = 64;
        long tokens = 0, bytes = (long)source.Summary.Rows * RowBytes;
        foreach (var document in source.Documents.ToHashSet<TokenDocument>(ReferenceEqualityComparer.Instance))
        {
            tokens += document.InputIds.Length;
            bytes += DocumentBytes + (4L * document.InputIds.Length) + (ReferenceEquals(document.InputIds, document.Labels) ? 0 : 4L * document.Labels.Length);
        }

        return (tokens, bytes);
    }

    private static DataColumns ColumnsOf(DataSection data)
    {
        var (columns, roles) = (data.Columns, new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var (role, names) in ((string, ValueList<string>)[])[("user", data.Roles.User), ("assistant", data.Roles.Assistant), ("system", data.Roles.System), ("tool", data.Roles.Tool)])
        {
            foreach (var name in names)
                if (!roles.TryAdd(name, role)) throw new HorizonException($"data.roles names '{name}' twice: as {roles[name]} and as {role}.");
        }

        return new DataColumns
        {
            Text = columns.Text, Prompt = columns.Prompt, Input = columns.Input, Answer = columns.Answer, System = columns.System,
            History = columns.History, Turns = columns.Turns, Role = columns.Role, Content = columns.Content, Tools = columns.Tools, Roles = roles,
        };
    }

    // Rows may be shorter than data.sequence_length, so that one beyond what the model allows need not matter.
    private static void CheckLength(RunBlueprint blueprint, BatchSource source, string path)
    {
        var limit = blueprint.Model.MaximumSequenceLength;
        if (blueprint.Configuration.Data.SequenceLength is not { } length || length <= limit) return;
        if (source.Summary.LongestRow > limit)
            throw new HorizonException($"{path} has a sequence of {source.Summary.LongestRow} tokens, the model allows {limit}; set data.sequence_length to {limit} or less.");
    }
}
