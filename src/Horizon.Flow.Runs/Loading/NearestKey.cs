namespace Horizon.Flow.Runs.Loading;

/// <summary>Finds the key that somebody probably meant.</summary>
internal static class NearestKey
{
    private const int MaxCompared = 64;

    /// <summary>
    /// The candidate whose last word is fewest edits away from that of <paramref name="path"/>; between equals, one of the same section.
    /// </summary>
    public static string Find(string path, IEnumerable<string> candidates)
    {
        var (section, name) = Split(path);
        return candidates.MinBy(candidate =>
        {
            var (itsSection, itsName) = Split(candidate);
            return (2 * EditDistance(name, itsName)) + (section == itsSection ? 0 : 1);
        })!;
    }

    /// <summary>The least number of inserted, removed and replaced characters between two words (Levenshtein 1966), over their first 64.</summary>
    public static int EditDistance(string left, string right)
    {
        left = left[..Math.Min(left.Length, MaxCompared)];
        right = right[..Math.Min(right.Length, MaxCompared)];
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
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

    private static (string Section, string Name) Split(string path)
    {
        var dot = path.LastIndexOf('.');
        return dot < 0 ? ("", path) : (path[..dot], path[(dot + 1)..]);
    }
}
