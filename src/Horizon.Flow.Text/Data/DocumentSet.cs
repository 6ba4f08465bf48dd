namespace Horizon.Flow.Text.Data;

/// <summary>What a data set came to.</summary>
/// <param name="Documents">What is trained on, in the order of the files.</param>
/// <param name="HeldOut">What is held out.</param>
/// <param name="BadRecords">Records that were left out.</param>
/// <param name="Notices">What the user should know, a sentence each.</param>
internal sealed record DocumentSet(List<TokenDocument> Documents, List<TokenDocument> HeldOut, int BadRecords, IReadOnlyList<string> Notices);
