using System.Globalization;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Batches;

/// <summary>The rows of a data set and the count of what they hold.</summary>
internal sealed record RowPlan(RowList Rows, DataSummary Summary)
{
    // Keeps the order in which documents are packed apart from the orders of the epochs, whose streams are 0 and up.
    private const long PackingStream = -1;

    public static RowPlan Create(DocumentTable documents, DataOptions options, long seed)
    {
        int dropped = 0, promptPieces = 0;
        long labelled = 0;
        var targets = options.SequenceLength + (options.Packing ? 1 : 0);
        LongDocuments cut = new(targets), split = new(targets), overlong = new(targets);
        var segments = new List<Segment>();
        var order = options.Packing && options.Shuffle
            ? new SplitMix64(seed, PackingStream).Permutation(documents.Count)
            : [.. Enumerable.Range(0, documents.Count)];
        foreach (var number in order)
        {
            var tokens = documents.Length(number);
            var isLong = IsLong(tokens, options);
            var choice = isLong ? Choice(documents.IsConversation(number), options) : TooLong.Cut;
            List<Segment> pieces = choice switch
            {
                TooLong.Drop => [],
                TooLong.Split => [.. Pieces(number, tokens, options.SequenceLength)],
                _ => [First(number, tokens, options)],
            };
            var kept = 0;
            foreach (var piece in pieces)
            {
                if (Labelled(documents, piece) is not (> 0 and var labels)) continue;
                segments.Add(piece);
                labelled += labels;
                kept++;
            }

            if (choice == TooLong.Drop)
            {
                overlong.Add(documents, number);
            }
            else if (kept == 0)
            {
                dropped++;
            }
            else
            {
                promptPieces += pieces.Count - kept;
                if (isLong) (choice == TooLong.Split ? split : cut).Add(documents, number);
            }
        }

        if (segments.Count == 0)
        {
            throw new HorizonException(
                $"{options.Path}: nothing is to be learned from any of the {documents.Count} documents; every label is -100"
                + $" or beyond sequence_length {options.SequenceLength}"
                + $"{(overlong.Count > 0 ? $", and data.too_long leaves {overlong} out" : "")}: check the labels, or set train_on_prompt: true.");
        }

        var rows = !options.Packing ? RowPacker.OneEach(segments)
            : options.Shuffle ? RowPacker.BestFit(segments, options.SequenceLength)
            : RowPacker.InOrder(segments, options.SequenceLength);
        var all = string.Create(CultureInfo.InvariantCulture, $"of {documents.Count:N0} documents");
        var length = string.Create(CultureInfo.InvariantCulture, $"sequence_length {options.SequenceLength:N0}");
        var warnings = new List<string>();
        if (dropped > 0) warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{dropped:N0} {all} are left out: nothing in them is to be learned within {length}."));
        if (cut.Count > 0) warnings.Add($"{cut} {all} are longer than {length} and are cut off there: {cut.Lost}.");
        if (overlong.Count > 0) warnings.Add($"{overlong} {all} are longer than {length} and are left out, as data.too_long says.");
        if (split.Conversations > 0) warnings.Add($"{split} {all} are longer than {length} and go on in further rows, which do not see their beginning.");
        if (promptPieces > 0)
            warnings.Add(string.Create(CultureInfo.InvariantCulture, $"{promptPieces:N0} pieces of {length} are left out: they hold prompt only."));
        return new RowPlan(rows, new DataSummary
        {
            Documents = documents.Count,
            Rows = rows.Count,
            LongestRow = Enumerable.Range(0, rows.Count).Max(rows.Tokens),
            Tokens = segments.Sum(s => (long)s.Length),
            LabelledTokens = labelled,
            DroppedDocuments = dropped,
            CutDocuments = cut.Count,
            SplitDocuments = split.Count,
            OverlongDocuments = overlong.Count,
            Warnings = warnings,
        });
    }

    // Packed, the last token is a target only, so that a document of one token more than a row fits.
    private static bool IsLong(int tokens, DataOptions options) =>
        tokens - (options.Packing ? 1 : 0) > options.SequenceLength;

    private static TooLong Choice(bool isConversation, DataOptions options) => options.TooLong != TooLong.Auto
        ? options.TooLong
        : isConversation || !options.Packing ? TooLong.Cut : TooLong.Split;

    /// <summary>Pieces of at most a row, each of whose tokens has a next one: the last token of the document is a target only.</summary>
    private static IEnumerable<Segment> Pieces(int number, int tokens, int sequenceLength)
    {
        var inputs = tokens - 1;
        for (var start = 0; start < inputs; start += sequenceLength)
        {
            var length = Math.Min(sequenceLength, inputs - start);
            yield return new Segment(number, start, length, start + length + 1);
        }
    }

    /// <summary>The document, or as much of its beginning as a row holds.</summary>
    private static Segment First(int number, int tokens, DataOptions options)
    {
        var length = Math.Min(options.SequenceLength, tokens - (options.Packing ? 1 : 0));
        return new Segment(number, 0, Math.Max(0, length), options.Packing ? length + 1 : length);
    }

    private static int Labelled(DocumentTable documents, Segment segment) =>
        segment.TargetEnd <= segment.Start ? 0 : documents.Labelled(segment.Document, segment.Start, segment.TargetEnd);
}
