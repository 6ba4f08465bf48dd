namespace Horizon.Flow.Runs.Conversion;

/// <summary>Another tool's recipe as a configuration.</summary>
/// <param name="Tool">The other tool.</param>
/// <param name="Yaml">The configuration; it loads where its paths exist.</param>
/// <param name="Changed">What means something else than there, or was chosen because the other tool's default is another; a sentence each.</param>
/// <param name="Missing">What has no counterpart, with the reason; a sentence each.</param>
/// <param name="NotNeeded">The keys that need no counterpart.</param>
/// <param name="Unknown">The keys that are not known.</param>
public sealed record ConvertedRecipe(
    string Tool, string Yaml, IReadOnlyList<string> Changed, IReadOnlyList<string> Missing, IReadOnlyList<string> NotNeeded, IReadOnlyList<string> Unknown)
{
    /// <summary>All that a reader should know, a line each.</summary>
    public IEnumerable<string> Notes =>
    [
        $"converted from a recipe of {Tool}",
        .. Changed.Select(change => $"changed: {change}"),
        .. Missing.Select(missing => $"no counterpart: {missing}"),
        .. Unknown.Count > 0 ? [$"not known, and left out: {string.Join(", ", Unknown)}"] : (string[])[],
        .. NotNeeded.Count > 0 ? [$"need no counterpart: {string.Join(", ", NotNeeded)}"] : (string[])[],
    ];

    /// <summary>The configuration under its notes, which are comments.</summary>
    public override string ToString() => string.Concat(Notes.Select(note => $"# {note}\n")) + Yaml;
}
