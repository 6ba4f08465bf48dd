namespace Horizon.Flow.Cli;

/// <summary>A curve of a line's height.</summary>
public static class Sparkline
{
    private const string Unicode = "▁▂▃▄▅▆▇█";
    private const string Ascii = "_.-=*#";

    /// <summary>Draws numbers, the last one rightmost.</summary>
    /// <param name="values">The numbers; those that are not finite leave a gap.</param>
    /// <param name="width">Characters at most; more numbers than that are averaged, so many at a time.</param>
    /// <param name="unicode">Whether blocks can be shown.</param>
    public static string Of(IReadOnlyList<double> values, int width, bool unicode = true)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var marks = unicode ? Unicode : Ascii;
        var columns = Math.Min(width, values.Count);
        var means = Enumerable.Range(0, columns).Select(column => Mean(values, column, columns)).ToList();
        var finite = means.OfType<double>().ToList();
        if (finite.Count == 0) return "";
        var (least, most) = (finite.Min(), finite.Max());
        return string.Concat(means.Select(mean => mean is not { } value ? ' ' : marks[most > least ? (int)Math.Round((value - least) / (most - least) * (marks.Length - 1)) : 0]));
    }

    private static double? Mean(IReadOnlyList<double> values, int column, int columns)
    {
        var (from, to) = ((int)((long)column * values.Count / columns), (int)((column + 1L) * values.Count / columns));
        var finite = Enumerable.Range(from, to - from).Select(i => values[i]).Where(double.IsFinite).ToList();
        return finite.Count > 0 ? finite.Average() : null;
    }
}
