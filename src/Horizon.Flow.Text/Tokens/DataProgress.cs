namespace Horizon.Flow.Text.Tokens;

/// <summary>How far the reading of a data set is.</summary>
/// <param name="BytesRead">Bytes of the files that were read.</param>
/// <param name="TotalBytes">Bytes of all of them.</param>
/// <param name="Documents">Documents so far.</param>
/// <param name="Tokens">Their tokens.</param>
public sealed record DataProgress(long BytesRead, long TotalBytes, long Documents, long Tokens);
