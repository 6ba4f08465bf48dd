using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Preferences;

/// <summary>Makes documents of prompts with one answer, as those of records without preferences are made.</summary>
internal sealed class PreferenceDocuments
{
    private readonly DataOptions _options;
    private readonly DocumentBuilder _builder;
    private readonly DocumentBuilder _others;

    public PreferenceDocuments(DataOptions options, ITokenizer tokenizer, int vocabularySize, DateTime date, DataTally tally)
    {
        _options = options;
        _builder = new DocumentBuilder(tokenizer, vocabularySize, TrainOn.Answers, date, tally);
        // A pair's second record has the keys of its first, which are counted there.
        _others = new DocumentBuilder(tokenizer, vocabularySize, TrainOn.Answers, date, new DataTally());
    }

    /// <summary>The document; null where it is longer than a row.</summary>
    public TokenDocument? Of(DataRecord record) => Fit(_builder.FromRecord(record, DataFormat.Pairs)[0], record);

    /// <summary>The same for a pair's second record.</summary>
    public TokenDocument? OfOther(DataRecord record) => Fit(_others.FromRecord(record, DataFormat.Pairs)[0], record);

    private TokenDocument? Fit(TokenDocument document, DataRecord record)
    {
        if (!HasAnswer(document)) throw record.Error("an answer has no token that can be learned.");
        if (document.InputIds.Length <= _options.SequenceLength) return document;
        if (_options.TooLong != TooLong.Cut) return null;
        var cut = document with { InputIds = document.InputIds[.._options.SequenceLength], Labels = document.Labels[.._options.SequenceLength] };
        return HasAnswer(cut) ? cut : null;
    }

    // The first token is predicted from nothing.
    private static bool HasAnswer(TokenDocument document) => document.Labels.Skip(1).Any(label => label != TokenDocument.Ignored);
}
