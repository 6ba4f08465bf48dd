namespace Horizon.Flow.Text.Templates;

/// <summary>A rendering in which a mark stands for the end-of-text token, and the places of its characters once the token stands there.</summary>
internal sealed class EndMarks
{
    private readonly List<int> _marks = [];
    private readonly int _growth;

    /// <param name="text">The rendering.</param>
    /// <param name="mark">The mark, one character; null where there is none.</param>
    /// <param name="token">What it stands for.</param>
    public EndMarks(string text, string? mark, string token)
    {
        Restored = mark is null ? text : text.Replace(mark, token, StringComparison.Ordinal);
        _growth = token.Length - 1;
        if (mark is null) return;
        for (var at = text.IndexOf(mark[0]); at >= 0; at = text.IndexOf(mark[0], at + 1)) _marks.Add(at);
    }

    /// <summary>The text with the token.</summary>
    public string Restored { get; }

    /// <summary>The place in <see cref="Restored"/> of a place in the marked text.</summary>
    public int Restore(int place)
    {
        var before = _marks.BinarySearch(place);
        return place + (_growth * (before < 0 ? ~before : before));
    }
}
