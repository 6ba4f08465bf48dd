namespace Horizon.Flow.Host.Safetensors;

/// <summary>How names and shapes from untrusted files appear in messages: one line, of bounded length.</summary>
internal static class Display
{
    private const int LongestName = 160;

    public static string Shown(this string name)
    {
        var cut = name.Length > LongestName ? name[..LongestName] + "…" : name;
        return string.Concat(cut.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));
    }

    public static string Shown(this IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>The system's reason, without the full stop, to stand within a sentence.</summary>
    public static string Reason(this Exception error) => error.Message.TrimEnd('.');

    /// <summary>The first few of many, and how many more there are.</summary>
    public static string Shown(this IReadOnlyCollection<string> names, int most = 5) =>
        string.Join(", ", names.Take(most).Select(name => name.Shown())) + (names.Count > most ? $" and {names.Count - most} more" : "");
}
