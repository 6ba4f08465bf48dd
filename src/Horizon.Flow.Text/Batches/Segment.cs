namespace Horizon.Flow.Text.Batches;

/// <summary>A stretch of a document in a row.</summary>
/// <param name="Document">The document's number.</param>
/// <param name="Start">Its first token in the row.</param>
/// <param name="Length">Tokens in the row.</param>
/// <param name="TargetEnd">One past the last token that may be a target; the one after the stretch where the document goes on.</param>
internal readonly record struct Segment(int Document, int Start, int Length, int TargetEnd);
