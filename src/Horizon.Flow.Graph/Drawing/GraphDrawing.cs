using System.Globalization;

namespace Horizon.Flow.Graph;

/// <summary>A picture of a plan, or of a run with its measured shares, as text for Mermaid or Graphviz.</summary>
/// <param name="Nodes">The boxes.</param>
/// <param name="Edges">The arrows.</param>
public sealed record GraphDrawing(IReadOnlyList<DrawnNode> Nodes, IReadOnlyList<DrawnEdge> Edges)
{
    /// <summary>Draws a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="poolText">What to say of a pool, its bytes for instance, null for nothing; its name alone by default.</param>
    /// <param name="shares">Measured shares by stage, from a run; null for a plan that has not run.</param>
    public static GraphDrawing Of<TContext>(
        GraphPlan<TContext> plan, Func<string, string?>? poolText = null, IReadOnlyDictionary<string, StageShares>? shares = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var busiest = shares is { Count: > 0 } ? shares.MaxBy(pair => pair.Value.Busy).Key : null;
        var nodes = plan.Nodes.Select(node => new DrawnNode(
            node.Name,
            [
                $"{node.Traits.RunsOn}; holds {node.Traits.Capacity}{(node.Traits.Parallelism > 1 ? $", {node.Traits.Parallelism} at once" : "")}{(node.Traits.HoldsWholeStep ? "; waits for the whole step" : "")}",
                .. node.Traits.Pools.Select(pool => poolText is null ? pool.Name : poolText(pool.Name)).OfType<string>(),
                .. shares is not null && shares.TryGetValue(node.Name, out var share) ? [Describe(share)] : Array.Empty<string>(),
            ],
            node.Name == busiest)).ToList();
        var edges = plan.Edges.Select(edge => new DrawnEdge(
            edge.From, edge.To, edge.Route is null ? edge.Message.Name : $"{edge.Message.Name}: {edge.Route}", edge.IsFeedback)).ToList();
        return new GraphDrawing(nodes, edges);
    }

    /// <summary>The drawing with one more dashed arrow.</summary>
    public GraphDrawing WithFeedback(string from, string to, string label) => this with { Edges = [.. Edges, new(from, to, label, true)] };

    /// <summary>As a Mermaid flowchart.</summary>
    public string ToMermaid()
    {
        var text = new System.Text.StringBuilder("flowchart LR\n");
        foreach (var node in Nodes)
            text.Append(CultureInfo.InvariantCulture, $"  {Id(node.Name)}[\"<b>{Html(node.Name)}</b>{string.Concat(node.Lines.Select(line => "<br/>" + Html(line)))}\"]\n");
        foreach (var edge in Edges)
            text.Append(CultureInfo.InvariantCulture, $"  {Id(edge.From)} {(edge.IsFeedback ? "-." : "--")} \"{Html(edge.Label)}\" {(edge.IsFeedback ? ".->" : "-->")} {Id(edge.To)}\n");
        foreach (var node in Nodes.Where(node => node.IsBottleneck))
            text.Append(CultureInfo.InvariantCulture, $"  style {Id(node.Name)} stroke-width:4px,stroke:#c00\n");
        return text.ToString();
    }

    /// <summary>As a Graphviz digraph.</summary>
    public string ToDot()
    {
        var text = new System.Text.StringBuilder("digraph horizon {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        foreach (var node in Nodes)
            text.Append(CultureInfo.InvariantCulture, $"  {Quote(node.Name)} [label={Quote(string.Join('\n', [node.Name, .. node.Lines]))}{(node.IsBottleneck ? ", color=red, penwidth=3" : "")}];\n");
        foreach (var edge in Edges)
            text.Append(CultureInfo.InvariantCulture, $"  {Quote(edge.From)} -> {Quote(edge.To)} [label={Quote(edge.Label)}{(edge.IsFeedback ? ", style=dashed, constraint=false" : "")}];\n");
        return text.Append("}\n").ToString();
    }

    private static string Describe(StageShares share)
    {
        var total = Math.Max(share.Total.TotalSeconds, 1e-9);
        return string.Create(CultureInfo.InvariantCulture, $"busy {share.Busy.TotalSeconds / total:P0}, waiting {share.Waiting.TotalSeconds / total:P0}, no input {share.Starved.TotalSeconds / total:P0}, blocked {share.Blocked.TotalSeconds / total:P0}{(share.Missed > 0 ? $", {share.Missed} messages passed unseen" : "")}");
    }

    private static string Id(string name) => "n_" + string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c.ToString() : $"_{(int)c:x}_"));

    private static string Html(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);

    private static string Quote(string text) => "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal) + "\"";
}
