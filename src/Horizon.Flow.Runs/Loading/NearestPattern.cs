using System.Text.RegularExpressions;

namespace Horizon.Flow.Runs.Loading;

/// <summary>Finds the parameters that somebody probably meant with a pattern that matches none.</summary>
internal static partial class NearestPattern
{
    private const int Most = 3;

    /// <summary>
    /// The nearest names, the same parameter of many layers once, with <c>*</c> for its layer. A pattern and a name are as near as the nearest of
    /// the name's endings, since patterns mostly begin with a star.
    /// </summary>
    public static IReadOnlyList<string> Find(string pattern, IEnumerable<string> names)
    {
        var meant = pattern.Trim('*', '.', ' ');
        return
        [
            .. names.Select(name => Number().Replace(name, ".*.")).Distinct()
                .OrderBy(name => Endings(name).Min(ending => NearestKey.EditDistance(meant, ending))).ThenBy(name => name, StringComparer.Ordinal)
                .Take(Most),
        ];
    }

    private static IEnumerable<string> Endings(string name)
    {
        var parts = name.Split('.');
        for (var first = 0; first < parts.Length; first++)
            for (var end = first + 1; end <= parts.Length; end++) yield return string.Join('.', parts[first..end]);
    }

    [GeneratedRegex(@"\.[0-9]+\.", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
