using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Preferences;

/// <summary>
/// Reads preferences in the shapes of TRL: <c>prompt</c>, <c>chosen</c> and <c>rejected</c>, or <c>prompt</c>, <c>completion</c> and <c>label</c>; each of them
/// text, which is one text with its answer, or turns, for the chat template. Of pairs of whole conversations without a prompt, the turns that they share at
/// their beginning are the prompt.
/// </summary>
/// <remarks>
/// Path, split, format of files, records at most, the date and the share of bad records are those of <see cref="DataOptions"/>. An example longer than a row is
/// left out and counted, or with <see cref="TooLong.Cut"/> cut at its end; what else the options say of conversations is refused.
/// </remarks>
public static class PreferenceReader
{
    /// <summary>Reads pairs of answers.</summary>
    /// <param name="options">Which data.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="vocabularySize">The model's vocabulary; ids must be below it.</param>
    /// <exception cref="HorizonException">The data is missing, empty or of another kind, or more records than allowed are malformed (names file and line of the first).</exception>
    public static PreferenceSet<PreferencePair> ReadPairs(DataOptions options, ITokenizer tokenizer, int vocabularySize) =>
        Read(options, tokenizer, vocabularySize, (record, documents) =>
        {
            var (chosen, rejected) = PreferenceRecord.Pair(record);
            return documents.Of(chosen) is { } preferred && documents.OfOther(rejected) is { } other ? new PreferencePair(preferred, other) : null;
        });

    /// <summary>Reads answers with a label.</summary>
    /// <inheritdoc cref="ReadPairs"/>
    public static PreferenceSet<RatedAnswer> ReadRated(DataOptions options, ITokenizer tokenizer, int vocabularySize) =>
        Read(options, tokenizer, vocabularySize, (record, documents) =>
        {
            var (answer, isDesirable) = PreferenceRecord.Rated(record);
            return documents.Of(answer) is { } document ? new RatedAnswer(document, isDesirable) : null;
        });

    private static PreferenceSet<T> Read<T>(DataOptions options, ITokenizer tokenizer, int vocabularySize, Func<DataRecord, PreferenceDocuments, T?> read)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tokenizer);
        Require(options);
        var tally = new DataTally();
        var documents = new PreferenceDocuments(options, tokenizer, vocabularySize, tally);
        var (files, notice) = DataFiles.Find(options);
        if (files.FirstOrDefault(file => !DataFiles.HoldsRecords(file)) is { } text) throw new HorizonException($"{text} holds no records; preferences are read from {FileKind.Known}, but for text.");
        var records = files.SelectMany(file => RecordReader.Read(file)).Take(options.MaxSamples ?? int.MaxValue).ToList();
        var found = new (T? Example, BadRecordException? Bad, HorizonException? Fatal)[records.Count];
        Parallel.For(0, records.Count, i =>
        {
            try
            {
                found[i] = (read(records[i].Parse(), documents), null, null);
            }
            catch (BadRecordException e)
            {
                found[i] = (null, e, null);
            }
            catch (HorizonException e)
            {
                found[i] = (null, null, e);
            }
        });
        if (Array.Find(found, one => one.Fatal is not null).Fatal is { } fatal) throw new HorizonException(fatal.Message, fatal);
        var bad = found.Where(one => one.Bad is not null).Select(one => one.Bad!).ToList();
        if (bad.Count > options.MaxBadShare * records.Count)
            throw new HorizonException($"{bad[0].Message.TrimEnd('.')}{(records.Count == 1 ? "" : $" ({bad.Count} of {records.Count} records are bad, more than data.max_bad_share allows, which is {options.MaxBadShare})")}.", bad[0]);
        T[] examples = [.. found.Select(one => one.Example).OfType<T>()];
        var left = records.Count - bad.Count - examples.Length;
        if (examples.Length == 0) throw new HorizonException($"{options.Path} holds no preferences{(left > 0 ? $" of {options.SequenceLength} tokens or fewer: raise data.sequence_length" : ": the data set is empty")}.");
        string?[] notices =
        [
            notice,
            bad.Count > 0 ? $"{bad.Count} of {records.Count} records are bad and left out; the first: {bad[0].Message}" : null,
            left > 0 ? $"{left} of {records.Count} examples are longer than {options.SequenceLength} tokens and left out." : null,
            .. tally.Notices(tokenizer),
        ];
        return new PreferenceSet<T>(examples, bad.Count, left, [.. notices.OfType<string>()]);
    }

    private static void Require(DataOptions options)
    {
        if (options.SequenceLength < 2) throw new HorizonException($"data.sequence_length is {options.SequenceLength}: a prompt and an answer need 2 or more.");
        Refuse(options.Sets.Count > 0, "data.sets", "read each set by itself");
        Refuse(options.Columns != new DataColumns() || options.Roles.Count > 0, "data.columns and data.roles", "name keys and roles as they are named here");
        Refuse(options.TrainOnPrompt || options.TrainOn != TrainOn.Answers, "data.train_on", "the answers alone are compared");
        Refuse(options.TooLong == TooLong.Split, "data.too_long: split", "take cut or drop");
        Refuse(options.HeldOutShare > 0, "a held-out share", "hold out a file");

        static void Refuse(bool isAsked, string what, string mend)
        {
            if (isAsked) throw new HorizonException($"{what} cannot be had with preferences: {mend}.");
        }
    }
}
