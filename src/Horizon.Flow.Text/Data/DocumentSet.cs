namespace Horizon.Flow.Text;

/// <summary>What a data set came to.</summary>
/// <param name="Documents">In the order of the files.</param>
/// <param name="BadRecords">Records that were left out.</param>
/// <param name="Notices">What the user should know, a sentence each.</param>
internal sealed record DocumentSet(List<TokenDocument> Documents, int BadRecords, IReadOnlyList<string> Notices);
