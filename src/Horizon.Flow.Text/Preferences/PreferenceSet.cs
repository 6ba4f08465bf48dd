namespace Horizon.Flow.Text.Preferences;

/// <summary>A data set of preferences, tokenized, in the order of the files.</summary>
/// <typeparam name="T"><see cref="PreferencePair"/> or <see cref="RatedAnswer"/>.</typeparam>
/// <param name="Examples">What can be trained on.</param>
/// <param name="BadRecords">Records that were left out because they are malformed.</param>
/// <param name="TooLong">Records that were left out because they are longer than a row.</param>
/// <param name="Notices">What the user should know, a sentence each.</param>
public sealed record PreferenceSet<T>(IReadOnlyList<T> Examples, int BadRecords, int TooLong, IReadOnlyList<string> Notices);
