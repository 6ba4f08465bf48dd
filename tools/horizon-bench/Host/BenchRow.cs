using System.Globalization;

namespace Horizon.Flow.Bench;

/// <summary>One line of the table.</summary>
/// <param name="Name">What ran.</param>
/// <param name="Threads">On how many threads.</param>
/// <param name="BytesPerElement">Bytes read and written for each element.</param>
/// <param name="Elements">Elements of one call.</param>
/// <param name="Seconds">Of one call.</param>
/// <param name="Triad">Bytes a second of the better triad on as many threads.</param>
internal sealed record BenchRow(string Name, int Threads, double BytesPerElement, long Elements, Timing Seconds, double Triad)
{
    private static readonly (string Head, Func<BenchRow, string> Text, int Width)[] _columns =
    [
        ("what", row => row.Name, -34),
        ("threads", row => row.Threads.ToString(CultureInfo.InvariantCulture), 8),
        ("bytes/el", row => row.BytesPerElement.ToString("0.##", CultureInfo.InvariantCulture), 9),
        ("G el/s", row => (row.ElementsPerSecond / 1e9).ToString("0.000", CultureInfo.InvariantCulture), 8),
        ("GB/s", row => (row.BytesPerSecond / 1e9).ToString("0.0", CultureInfo.InvariantCulture), 8),
        ("best GB/s", row => (row.BytesPerElement * row.Elements / row.Seconds.Least / 1e9).ToString("0.0", CultureInfo.InvariantCulture), 10),
        ("of triad", row => (row.BytesPerSecond / row.Triad).ToString("0.00", CultureInfo.InvariantCulture), 9),
    ];

    /// <summary>By the median.</summary>
    public double ElementsPerSecond => Elements / Seconds.Median;

    /// <summary>By the median.</summary>
    public double BytesPerSecond => BytesPerElement * ElementsPerSecond;

    /// <summary>The heading.</summary>
    public static string Head(bool csv) => Line(_columns.Select(column => (column.Head, column.Width)), csv);

    /// <summary>The line.</summary>
    public string Line(bool csv) => Line(_columns.Select(column => (column.Text(this), column.Width)), csv);

    private static string Line(IEnumerable<(string Text, int Width)> cells, bool csv) => csv
        ? string.Join(',', cells.Select(cell => cell.Text))
        : string.Join(' ', cells.Select(cell => cell.Width < 0 ? cell.Text.PadRight(-cell.Width) : cell.Text.PadLeft(cell.Width)));
}
