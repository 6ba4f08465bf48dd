namespace Horizon.Flow.Host.ModelFolders;

/// <summary>Finds the name that a user may have meant.</summary>
internal static class NearestName
{
    // Bounds the time that a hostile list can cost.
    private const int MostCandidates = 100_000;

    /// <summary>The candidate with the fewest edits from <paramref name="name"/>, if they are few; else null.</summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        var most = Math.Max(2, name.Length / 3);
        return candidates
            .Take(MostCandidates)
            .Where(candidate => Math.Abs(candidate.Length - name.Length) <= most)
            .Select(candidate => (Name: candidate, Edits: Edits(name, candidate)))
            .Where(candidate => candidate.Edits <= most)
            .OrderBy(candidate => candidate.Edits)
            .ThenBy(candidate => candidate.Name, StringComparer.Ordinal)
            .FirstOrDefault().Name;
    }

    /// <summary>Levenshtein's distance, one row at a time.</summary>
    private static int Edits(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++) row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}
