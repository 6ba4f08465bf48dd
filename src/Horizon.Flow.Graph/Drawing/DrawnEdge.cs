namespace Horizon.Flow.Graph;

/// <summary>One arrow of a drawing.</summary>
/// <param name="From">Name of the giving stage.</param>
/// <param name="To">Name of the taking stage.</param>
/// <param name="Label">The message type and the route.</param>
/// <param name="IsFeedback">Drawn dashed: not a link, but what one stage sets free for another.</param>
public sealed record DrawnEdge(string From, string To, string Label, bool IsFeedback = false);
