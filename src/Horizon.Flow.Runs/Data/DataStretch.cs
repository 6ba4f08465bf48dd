namespace Horizon.Flow.Runs.Data;

/// <summary>A stretch of a document.</summary>
/// <param name="Text">Its text, special tokens too.</param>
/// <param name="IsTrained">Whether its tokens are learned.</param>
public sealed record DataStretch(string Text, bool IsTrained);
