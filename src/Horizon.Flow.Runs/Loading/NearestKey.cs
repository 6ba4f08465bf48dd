namespace Horizon.Flow.Runs.Loading;

/// <summary>Finds the key that somebody probably meant.</summary>
internal static class NearestKey
{
    private const int MaxCompared = 64;

    /// <summary>
    /// The candidate whose last word is fewest edits away from that of <paramref name="path"/>; between equals, one of the same section.
    /// </summary>
    public static string Find(string path, IEnumerable<string> candidates) => candidates.MinBy(candidate => Distance(path, candidate))!;

    /// <summary>The least number of inserted, removed and replaced characters between two words (Levenshtein 1966), over their first 64.</summary>
    public static int EditDistance(ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        left = left[..Math.Min(left.Length, MaxCompared)];
        right = right[..Math.Min(right.Length, MaxCompared)];
        // A file of wrong keys asks for this some thousand times.
        Span<int> row = stackalloc int[MaxCompared + 1];
        for (var j = 0; j <= right.Length; j++) row[j] = j;
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }
        return row[right.Length];
    }

    private static int Distance(string path, string candidate)
    {
        var (dot, itsDot) = (path.LastIndexOf('.'), candidate.LastIndexOf('.'));
        var isOfSection = path.AsSpan(0, Math.Max(0, dot)).SequenceEqual(candidate.AsSpan(0, Math.Max(0, itsDot)));
        return (2 * EditDistance(path.AsSpan(dot + 1), candidate.AsSpan(itsDot + 1))) + (isOfSection ? 0 : 1);
    }
}
