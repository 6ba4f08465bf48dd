namespace Horizon.Flow.Text;

/// <summary>The rows of a data set and the count of what they hold.</summary>
internal sealed record RowPlan(List<Segment[]> Rows, DataSummary Summary)
{
    // Keeps the order in which documents are packed apart from the orders of the epochs, whose streams are 0 and up.
    private const long PackingStream = -1;

    public static RowPlan Create(IReadOnlyList<TokenDocument> documents, DataOptions options, long seed)
    {
        int dropped = 0, truncated = 0, split = 0, promptPieces = 0;
        var segments = new List<Segment>();
        var order = options.Packing && options.Shuffle
            ? new SplitMix64(seed, PackingStream).Permutation(documents.Count)
            : [.. Enumerable.Range(0, documents.Count)];
        foreach (var number in order)
        {
            var document = documents[number];
            var before = segments.Count;
            var parts = options.Packing
                ? Pieces(number, document, options.SequenceLength)
                : Whole(number, document, options.SequenceLength);
            foreach (var segment in parts)
            {
                if (Labelled(document, segment) > 0) segments.Add(segment);
                else promptPieces++;
            }

            if (segments.Count == before) dropped++;
            else if (options.Packing && document.InputIds.Length - 1 > options.SequenceLength) split++;
            else if (!options.Packing && document.InputIds.Length > options.SequenceLength) truncated++;
        }

        if (segments.Count == 0)
        {
            throw new HorizonException(
                $"{options.Path}: nothing is to be learned from any of the {documents.Count} documents; every label is -100"
                + $" or beyond sequence_length {options.SequenceLength}: check the labels, or set train_on_prompt: true.");
        }

        var rows = !options.Packing ? segments.ConvertAll(s => new[] { s })
            : options.Shuffle ? RowPacker.BestFit(segments, options.SequenceLength)
            : RowPacker.InOrder(segments, options.SequenceLength);
        var warnings = new List<string>();
        if (dropped > 0) warnings.Add($"{dropped} of {documents.Count} documents are left out: nothing in them is to be learned.");
        if (truncated > 0) warnings.Add($"{truncated} of {documents.Count} documents are cut off at sequence_length {options.SequenceLength}.");
        if (promptPieces > dropped && options.Packing)
            warnings.Add($"{promptPieces} pieces of sequence_length {options.SequenceLength} are left out: they hold prompt only.");
        return new RowPlan(rows, new DataSummary
        {
            Documents = documents.Count,
            Rows = rows.Count,
            Tokens = segments.Sum(s => (long)s.Length),
            LabelledTokens = segments.Sum(s => (long)Labelled(documents[s.Document], s)),
            DroppedDocuments = dropped,
            TruncatedDocuments = truncated,
            SplitDocuments = split,
            Warnings = warnings,
        });
    }

    /// <summary>Pieces of at most a row, each of whose tokens has a next one: the last token of the document is a target only.</summary>
    private static IEnumerable<Segment> Pieces(int number, TokenDocument document, int sequenceLength)
    {
        var inputs = document.InputIds.Length - 1;
        for (var start = 0; start < inputs; start += sequenceLength)
        {
            var length = Math.Min(sequenceLength, inputs - start);
            yield return new Segment(number, start, length, start + length + 1);
        }
    }

    private static IEnumerable<Segment> Whole(int number, TokenDocument document, int sequenceLength)
    {
        var length = Math.Min(sequenceLength, document.InputIds.Length);
        return length == 0 ? [] : [new Segment(number, 0, length, length)];
    }

    private static int Labelled(TokenDocument document, Segment segment)
    {
        var count = 0;
        for (var i = segment.Start + 1; i < segment.TargetEnd; i++)
            if (document.Labels[i] != TokenDocument.Ignored) count++;
        return count;
    }
}
