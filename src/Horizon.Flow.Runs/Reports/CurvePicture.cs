using System.Globalization;
using System.Text;

namespace Horizon.Flow.Runs.Reports;

/// <summary>Curves over steps, as an SVG.</summary>
internal static class CurvePicture
{
    private const int Left = 58;
    private const int Top = 8;
    private const int Width = 350;
    private const int Height = 150;
    private const int MostPoints = 700;
    private const int Ticks = 4;

    /// <param name="title">For those who cannot see it.</param>
    /// <param name="curves">A CSS colour, whether it is dashed, and the points; a null breaks the line.</param>
    public static string Draw(string title, IReadOnlyList<(string Colour, bool IsDashed, IReadOnlyList<(long Step, double? Value)> Points)> curves)
    {
        var values = curves.SelectMany(curve => curve.Points).Select(point => point.Value).OfType<double>().ToList();
        var steps = curves.SelectMany(curve => curve.Points).Select(point => point.Step).ToList();
        var picture = new StringBuilder();
        picture.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Left + Width + 12} {Top + Height + 24}\" role=\"img\" aria-label=\"{HtmlText.Encode(title)}\">");
        if (values.Count == 0) return picture.Append("<text x=\"60\" y=\"80\">no finite value</text></svg>").ToString();
        var (low, high) = (values.Min(), values.Max());
        if (high - low <= Math.Abs(high) * 1e-12) (low, high) = (low - (Math.Abs(low) * 0.05) - 1e-12, high + (Math.Abs(high) * 0.05) + 1e-12);
        var (first, last) = (steps.Min(), Math.Max(steps.Max(), steps.Min() + 1));
        for (var i = 0; i <= Ticks; i++)
        {
            var value = low + ((high - low) * i / Ticks);
            picture.Append(CultureInfo.InvariantCulture, $"<path d=\"M{Left} {Y(value):F1}h{Width}\" class=\"grid\"/><text x=\"{Left - 4}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\">{Number(value)}</text>");
        }

        picture.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"{Top + Height + 18}\">step {first}</text><text x=\"{Left + Width}\" y=\"{Top + Height + 18}\" text-anchor=\"end\">{steps.Max()}</text>");
        foreach (var (colour, isDashed, points) in curves)
        {
            var path = new StringBuilder();
            var isOpen = false;
            foreach (var (step, value) in Thin(points))
            {
                if (value is { } number) path.Append(CultureInfo.InvariantCulture, $"{(isOpen ? 'L' : 'M')}{X(step):F1} {Y(number):F1}");
                isOpen = value is not null;
            }

            // A round cap makes a single point a dot.
            picture.Append(CultureInfo.InvariantCulture, $"<path d=\"{path}{(points.Count == 1 ? "h0" : "")}\" class=\"curve\" stroke=\"{colour}\"{(isDashed ? " stroke-dasharray=\"5 3\"" : "")}/>");
        }

        return picture.Append("</svg>").ToString();

        double X(long step) => Left + ((double)(step - first) / (last - first) * Width);
        double Y(double value) => Top + ((high - value) / (high - low) * Height);
    }

    /// <summary>A number of at most four digits, with k, M or G where it is large.</summary>
    public static string Number(double value) => Math.Abs(value) switch
    {
        >= 1e9 => Short(value / 1e9) + " G",
        >= 1e6 => Short(value / 1e6) + " M",
        >= 1e4 => Short(value / 1e3) + " k",
        > 0 and < 1e-2 => value.ToString("0.##e-0", CultureInfo.InvariantCulture), // 0.0001038 has no room beside the axis
        _ => value.ToString("G4", CultureInfo.InvariantCulture),
    };

    private static string Short(double value) => value.ToString(Math.Abs(value) >= 100 ? "0.#" : "0.##", CultureInfo.InvariantCulture);

    // Of each run of points the least and the greatest: no spike is lost.
    private static IEnumerable<(long Step, double? Value)> Thin(IReadOnlyList<(long Step, double? Value)> points)
    {
        if (points.Count <= MostPoints) return points;
        return points.Chunk((points.Count * 2 / MostPoints) + 1).SelectMany(chunk =>
            new[] { chunk.MinBy(point => point.Value ?? double.PositiveInfinity), chunk.MaxBy(point => point.Value ?? double.NegativeInfinity) }.OrderBy(point => point.Step).Distinct());
    }
}
