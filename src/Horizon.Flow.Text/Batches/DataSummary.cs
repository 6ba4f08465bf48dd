namespace Horizon.Flow.Text.Batches;

/// <summary>What one epoch of a data set holds.</summary>
public sealed record DataSummary
{
    /// <summary>Documents read.</summary>
    public required int Documents { get; init; }

    /// <summary>Rows of an epoch.</summary>
    public required int Rows { get; init; }

    /// <summary>Tokens of the longest row.</summary>
    public int LongestRow { get; init; }

    /// <summary>Tokens in the rows.</summary>
    public required long Tokens { get; init; }

    /// <summary>Tokens that are trained on.</summary>
    public required long LabelledTokens { get; init; }

    /// <summary>Documents left out because nothing in them is trained.</summary>
    public required int DroppedDocuments { get; init; }

    /// <summary>Documents whose end is left out, because they are longer than a row.</summary>
    public required int CutDocuments { get; init; }

    /// <summary>Documents that go on in further rows.</summary>
    public required int SplitDocuments { get; init; }

    /// <summary>Documents left out because they are longer than a row.</summary>
    public required int OverlongDocuments { get; init; }

    /// <summary>Records that are malformed and left out; they are not among <see cref="Documents"/>.</summary>
    public int BadRecords { get; init; }

    /// <summary>What the user should know, a sentence each.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
