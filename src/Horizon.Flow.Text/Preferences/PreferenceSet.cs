using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Preferences;

/// <summary>A data set of preferences, tokenized, in the order of the files.</summary>
/// <typeparam name="T"><see cref="PreferencePair"/> or <see cref="RatedAnswer"/>.</typeparam>
/// <param name="Examples">What can be trained on.</param>
/// <param name="BadRecords">Records that were left out because they are malformed.</param>
/// <param name="TooLong">Records that were left out because they are longer than a row.</param>
/// <param name="Notices">What the user should know, a sentence each.</param>
public sealed record PreferenceSet<T>(IReadOnlyList<T> Examples, int BadRecords, int TooLong, IReadOnlyList<string> Notices)
{
    // Keeps this draw apart from the orders of the epochs, whose streams are 0 and up.
    private const long HeldOutStream = -2;

    /// <summary>Draws a share of the examples, at least one of them; both parts stay in the order of the files.</summary>
    /// <param name="share">More than 0 and less than 1.</param>
    /// <param name="seed">Of the draw.</param>
    /// <exception cref="HorizonException">Nothing would be left to train on.</exception>
    public (IReadOnlyList<T> Kept, IReadOnlyList<T> HeldOut) HoldOut(double share, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(share is > 0 and < 1, true, nameof(share));
        var count = Math.Max(1, (int)Math.Round(share * Examples.Count));
        if (count >= Examples.Count) throw new HorizonException($"a share of {share} held out of {Examples.Count} examples leaves none to train on; hold out less.");
        var drawn = new SplitMix64(seed, HeldOutStream).Permutation(Examples.Count).Take(count).ToHashSet();
        return ([.. Examples.Where((_, i) => !drawn.Contains(i))], [.. Examples.Where((_, i) => drawn.Contains(i))]);
    }
}
