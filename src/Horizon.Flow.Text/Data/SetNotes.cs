namespace Horizon.Flow.Text.Data;

/// <summary>What a data set came to.</summary>
/// <param name="Documents">Documents.</param>
/// <param name="BadRecords">Records that were left out.</param>
/// <param name="Bad">What is said of them; null where there are none.</param>
internal sealed record SetNotes(int Documents, int BadRecords, string? Bad);
