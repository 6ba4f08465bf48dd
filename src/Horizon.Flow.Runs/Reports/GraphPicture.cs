using System.Globalization;
using System.Text;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Runs.Reports;

/// <summary>A run's graph from left to right, in each box the stage's shares as a bar, as an SVG.</summary>
internal static class GraphPicture
{
    private const int BoxWidth = 116;
    private const int BoxHeight = 34;
    private const int ColumnWidth = 160;
    private const int RowHeight = 48;

    public static string Draw(IReadOnlyList<DrawnNode> nodes, IReadOnlyList<DrawnEdge> edges, IReadOnlyDictionary<string, StageShares>? shares)
    {
        var columns = Columns(nodes, edges);
        var place = nodes.GroupBy(node => columns[node.Name])
            .SelectMany(column => column.Select((node, row) => (node.Name, X: 8 + (column.Key * ColumnWidth), Y: 8 + (row * RowHeight)))).ToDictionary(at => at.Name);
        var (width, height) = (place.Values.Max(at => at.X) + BoxWidth + 24, place.Values.Max(at => at.Y) + BoxHeight + 16);
        var picture = new StringBuilder();
        picture.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"the graph\">");
        foreach (var edge in edges.Where(edge => place.ContainsKey(edge.From) && place.ContainsKey(edge.To)))
        {
            var (from, to) = (place[edge.From], place[edge.To]);
            var (x1, y1, x2, y2) = (from.X + BoxWidth, from.Y + (BoxHeight / 2), to.X, to.Y + (BoxHeight / 2));
            var bend = Math.Max(24, Math.Abs(x2 - x1) / 2);
            picture.Append(CultureInfo.InvariantCulture, $"<path class=\"{(edge.IsFeedback ? "edge back" : "edge")}\" d=\"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}\"><title>{HtmlText.Encode($"{edge.From} to {edge.To}: {edge.Label}")}</title></path>");
        }

        foreach (var node in nodes)
        {
            var (_, x, y) = place[node.Name];
            picture.Append(CultureInfo.InvariantCulture, $"<g><title>{HtmlText.Encode(string.Join('\n', node.Lines))}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{BoxWidth}\" height=\"{BoxHeight}\" rx=\"4\"/><text x=\"{x + 6}\" y=\"{y + 15}\">{HtmlText.Encode(node.Name)}</text>");
            if (shares is not null && shares.TryGetValue(node.Name, out var share)) picture.Append(Bar(share, x + 6, y + 21, BoxWidth - 12, 7));
            picture.Append("</g>");
        }

        return picture.Append("</svg>").ToString();
    }

    /// <summary>A bar of busy, waiting, no input and blocked.</summary>
    public static string Bar(StageShares share, double x, double y, double width, double height)
    {
        var total = Math.Max(share.Total.TotalSeconds, 1e-9);
        var bar = new StringBuilder();
        foreach (var (kind, part) in new[] { ("busy", share.Busy), ("waiting", share.Waiting), ("starved", share.Starved), ("blocked", share.Blocked) })
        {
            var length = part.TotalSeconds / total * width;
            bar.Append(CultureInfo.InvariantCulture, $"<rect class=\"{kind}\" x=\"{x:F1}\" y=\"{y}\" width=\"{length:F1}\" height=\"{height}\"/>");
            x += length;
        }

        return bar.ToString();
    }

    // The longest way from a source, by the arrows that are no feedback; a circle stops at as many columns as there are stages.
    private static Dictionary<string, int> Columns(IReadOnlyList<DrawnNode> nodes, IReadOnlyList<DrawnEdge> edges)
    {
        var columns = nodes.ToDictionary(node => node.Name, _ => 0);
        for (var round = 0; round < nodes.Count; round++)
        {
            foreach (var edge in edges.Where(edge => !edge.IsFeedback && columns.ContainsKey(edge.From) && columns.ContainsKey(edge.To)))
                columns[edge.To] = Math.Min(nodes.Count, Math.Max(columns[edge.To], columns[edge.From] + 1));
        }

        return columns;
    }
}
