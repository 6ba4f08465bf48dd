using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Preferences;

/// <summary>
/// Reads preferences in the shapes of TRL: <c>prompt</c>, <c>chosen</c> and <c>rejected</c>, or <c>prompt</c>, <c>completion</c> and <c>label</c>; each of them
/// text, which is one text with its answer, or turns, for the chat template. Of pairs of whole conversations without a prompt, the turns that they share at
/// their beginning are the prompt. Read as turns, too: <c>conversations</c> or <c>messages</c> before the answers, or with a label ending in the rated one; an
/// <c>instruction</c> or <c>question</c> (with <c>input</c>, <c>history</c> and <c>system</c>) and its answers (LLaMA-Factory); OpenAI's <c>preferred_output</c>.
/// </summary>
/// <remarks>
/// Path, split, columns and roles, records at most, the date and the share of bad records are those of <see cref="DataOptions"/>. An example longer than a row is
/// left out and counted, or with <see cref="TooLong.Cut"/> cut at its end. What else the options say of records and their tokens is refused; the order and the
/// micro-batches are those of <see cref="PreferenceBatches"/>.
/// </remarks>
public static class PreferenceReader
{
    /// <summary>Reads pairs of answers.</summary>
    /// <param name="options">Which data.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="vocabularySize">The model's vocabulary; ids must be below it.</param>
    /// <exception cref="HorizonException">The data is missing, empty or of another kind, or more records than allowed are malformed (names file and line of the first).</exception>
    public static PreferenceSet<PreferencePair> ReadPairs(DataOptions options, ITokenizer tokenizer, int vocabularySize) =>
        Read<PreferencePair>(options, tokenizer, "preferences", (date, tally) =>
        {
            var documents = new PreferenceDocuments(options, tokenizer, vocabularySize, date, tally);
            return record =>
            {
                var (chosen, rejected) = PreferenceRecord.Pair(record);
                return documents.Of(chosen) is { } preferred && documents.OfOther(rejected) is { } other ? new PreferencePair(preferred, other) : null;
            };
        });

    /// <summary>Reads answers with a label.</summary>
    /// <inheritdoc cref="ReadPairs"/>
    public static PreferenceSet<RatedAnswer> ReadRated(DataOptions options, ITokenizer tokenizer, int vocabularySize) =>
        Read<RatedAnswer>(options, tokenizer, "preferences", (date, tally) =>
        {
            var documents = new PreferenceDocuments(options, tokenizer, vocabularySize, date, tally);
            return record =>
            {
                var (answer, isDesirable) = PreferenceRecord.Rated(record);
                return documents.Of(answer) is { } document ? new RatedAnswer(document, isDesirable) : null;
            };
        });

    /// <summary>Reads prompts that answers are to be drawn to: <c>prompt</c>, a text that the answer goes on with, or turns; <c>messages</c>; or an <c>instruction</c> or <c>question</c>, which is the user's turn where there is a chat template. All other keys stay with it.</summary>
    /// <inheritdoc cref="ReadPairs"/>
    public static PreferenceSet<PromptRecord> ReadPrompts(DataOptions options, ITokenizer tokenizer, int vocabularySize) =>
        Read<PromptRecord>(options, tokenizer, "prompts", (date, tally) => new PromptBuilder(options, tokenizer, vocabularySize, date, tally).Of);

    private static PreferenceSet<T> Read<T>(DataOptions options, ITokenizer tokenizer, string what, Func<DateTime, DataTally, Func<DataRecord, T?>> reader)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tokenizer);
        Require(options, what);
        var tally = new DataTally();
        var date = options.NoonOfDate;
        var columns = new ColumnMap(options.Columns, options.Roles);
        var read = reader(date, tally);
        var (files, notice) = DataFiles.Find(options);
        if (files.FirstOrDefault(file => !DataFiles.HoldsRecords(file)) is { } text) throw new HorizonException($"{text} holds no records; {what} are read from {FileKind.Known}, but for text.");
        var (examples, left) = (new List<T>(), 0);
        var built = new RecordBuilder<T?>(options.MaxBadShare, Take, () => { });
        try
        {
            var records = files.SelectMany(file => RecordReader.Read(file)).Take(options.MaxSamples ?? int.MaxValue);
            foreach (var chunk in RecordBuilder<T?>.Chunks(records)) built.Send(chunk, record => read(columns.Apply(record.Parse())));
            built.TakeAll();
        }
        finally
        {
            built.Wait();
        }

        built.RequireGood();
        if (examples.Count == 0) throw new HorizonException($"{options.Path} holds no {what}{(left > 0 ? $" of {options.SequenceLength} tokens or fewer: raise data.sequence_length" : ": the data set is empty")}.");
        string?[] notices =
        [
            notice,
            built.Bad,
            left > 0 ? $"{left} of {built.Records} examples are longer than {options.SequenceLength} tokens and left out." : null,
            .. tally.Notices(tokenizer, options.Date is null ? date : null),
        ];
        return new PreferenceSet<T>(examples, built.BadRecords, left, [.. notices.OfType<string>()]);

        // Null is one that is too long.
        void Take(T? example)
        {
            if (example is null) left++;
            else examples.Add(example);
        }
    }

    private static void Require(DataOptions options, string what)
    {
        if (options.SequenceLength < 2) throw new HorizonException($"data.sequence_length is {options.SequenceLength}: {(what == "prompts" ? "a prompt needs" : "a prompt and an answer need")} 2 or more.");
        Refuse(options.Sets.Count > 0, "data.sets", "read each set by itself");
        Refuse(options.TrainOnPrompt || options.TrainOn != TrainOn.Answers, "data.train_on", "the answers alone are compared");
        Refuse(options.TooLong == TooLong.Split, "data.too_long: split", "take cut or drop");
        Refuse(options.Format is not (DataFormat.Auto or DataFormat.Pairs), "another data.format than pairs", "leave it out, since the keys tell their shape");
        Refuse(options.CacheFolder is not null, "data.cache", "leave it out, since their tokens are held in memory");
        Refuse(options.HeldOutShare > 0, "a held-out share", "hold out a file");

        void Refuse(bool isAsked, string asked, string mend)
        {
            if (isAsked) throw new HorizonException($"{asked} cannot be had with {what}: {mend}.");
        }
    }
}
