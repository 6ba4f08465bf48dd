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
        var options = new DataOptions
        {
            Path = path,
            Format = data.Format,
            Split = split,
            SequenceLength = data.SequenceLength ?? blueprint.SequenceLength,
            Packing = data.Packing,
            TooLong = data.TooLong,
            MaxBadShare = data.MaxBadShare,
            Shuffle = data.Shuffle && split == DataSplit.Train,
            TrainOnPrompt = data.TrainOnPrompt,
        };
        var source = BatchSource.Open(options, tokenizer, blueprint.Model.VocabularySize, training.BatchSize, training.Seed);
        CheckLength(blueprint, source, path);
        return source;
    }

    /// <summary>
    /// Tokens and bytes that a source holds in memory: 4 bytes a token, 8 where labels are kept apart from the ids, and the objects around each
    /// document and row.
    /// </summary>
    public static (long Tokens, long Bytes) HeldBy(BatchSource source)
    {
        const int DocumentBytes = 128;
        const int RowBytes = 64;
        var summary = source.Summary;
        var token = summary.LabelledTokens < summary.Tokens ? 8 : 4;
        return (summary.Tokens, (summary.Tokens * token) + ((long)summary.Documents * DocumentBytes) + ((long)summary.Rows * RowBytes));
    }

    // Rows may be shorter than data.sequence_length, so that one beyond what the model allows need not matter.
    private static void CheckLength(RunBlueprint blueprint, BatchSource source, string path)
    {
        var limit = blueprint.Model.MaximumSequenceLength;
        if (blueprint.Configuration.Data.SequenceLength is not { } length || length <= limit) return;
        var longest = Enumerable.Range(0, source.MicroBatchesPerEpoch(0)).Max(index => source.GetMicroBatch(0, index).SequenceLength);
        if (longest > limit)
            throw new HorizonException($"{path} has a sequence of {longest} tokens, the model allows {limit}; set data.sequence_length to {limit} or less.");
    }
}
