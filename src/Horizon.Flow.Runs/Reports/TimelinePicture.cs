using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Horizon.Flow.Runs.Reports;

/// <summary>Rows of spans over a common time axis, as an SVG.</summary>
public static class TimelinePicture
{
    private const int Left = 130;
    private const int Width = 1200;
    private const int RowHeight = 26;
    private static readonly string[] _colours = ["#4477aa", "#cc6677", "#228833"];

    /// <param name="rows">From above.</param>
    /// <param name="from">Ticks at the left edge.</param>
    /// <param name="to">Ticks at the right edge.</param>
    /// <returns>One svg element.</returns>
    public static string Draw(IReadOnlyList<TimelineRow> rows, long from, long to)
    {
        var height = (rows.Count * RowHeight) + 40;
        var picture = new StringBuilder();
        picture.AppendLine(Text($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Left + Width + 20} {height}\" width=\"{Left + Width + 20}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">"));
        picture.AppendLine(Text($"<rect width=\"{Left + Width + 20}\" height=\"{height}\" fill=\"white\"/>"));
        for (var row = 0; row < rows.Count; row++)
        {
            var top = 8 + (row * RowHeight);
            picture.AppendLine(Text($"<text x=\"6\" y=\"{top + 15}\">{HtmlText.Encode(rows[row].Name)}</text><rect x=\"{Left}\" y=\"{top}\" width=\"{Width}\" height=\"{RowHeight - 6}\" fill=\"#f2f2f2\"/>"));
            foreach (var span in rows[row].Spans.Where(span => span.End > from && span.Start < to))
            {
                var (start, end) = (X(Math.Max(span.Start, from)), X(Math.Min(span.End, to)));
                picture.AppendLine(Text($"<rect x=\"{start:F1}\" y=\"{top}\" width=\"{Math.Max(0.4, end - start - 0.2):F1}\" height=\"{RowHeight - 6}\" fill=\"{Colour(span.Step)}\"><title>{HtmlText.Encode(span.Text)}</title></rect>"));
            }
        }

        var seconds = Math.Max((double)(to - from) / Stopwatch.Frequency, 1e-9);
        var tick = Math.Pow(10, Math.Floor(Math.Log10(seconds)));
        for (var at = 0.0; at <= seconds; at += tick / 2)
            picture.AppendLine(Text($"<text x=\"{Left + (at / seconds * Width):F1}\" y=\"{height - 8}\" text-anchor=\"middle\">{at:G4} s</text>"));
        return picture.AppendLine("</svg>").ToString();

        double X(long ticks) => Left + ((double)(ticks - from) / Math.Max(1, to - from) * Width);
    }

    private static string Colour(long step) => step == TimelineRow.Waiting ? "#e3e3e3" : _colours[step % _colours.Length];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
