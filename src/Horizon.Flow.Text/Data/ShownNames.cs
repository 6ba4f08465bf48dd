using System.Globalization;

namespace Horizon.Flow.Text.Data;

/// <summary>How names from files appear in notices: on one line, of bounded length.</summary>
internal static class ShownNames
{
    private const int LongestName = 100;

    public static string Show(string name)
    {
        var cut = name.Length > LongestName ? name[..LongestName] + "…" : name;
        return string.Concat(cut.Select(c => char.IsControl(c) ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : c.ToString()));
    }

    /// <summary>The first few, and how many more there are.</summary>
    public static string Show(IReadOnlyCollection<string> names, int most = 5) =>
        string.Join(", ", names.Take(most).Select(Show))
        + (names.Count > most ? string.Create(CultureInfo.InvariantCulture, $" and {names.Count - most:N0} more") : "");
}
