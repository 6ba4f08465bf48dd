namespace Horizon.Flow.Graph;

/// <summary>What holds of the cycles of a hub, in a plan without any other circle.</summary>
internal static class FeedbackValidator
{
    public static IEnumerable<PlanProblem> Check<TContext>(GraphPlan<TContext> plan)
    {
        foreach (var edge in plan.Edges.Where(edge => edge.IsFeedback))
        {
            if (!plan.Node(edge.To).Traits.IsHub)
                yield return new($"edge {edge}", $"it leads back to '{edge.To}', which is no hub", "connect it without feedback");
            else if (!plan.Behind(edge.To).Contains(edge.From))
                yield return new($"edge {edge}", $"nothing leads from '{edge.To}' to '{edge.From}'", "connect it without feedback");
        }

        // A hub sends the next message only when this one has come back: a stage that waits for more would wait for ever.
        var back = plan.Edges.Where(edge => edge.IsFeedback).Select(edge => edge.From).ToHashSet();
        foreach (var hub in plan.Nodes.Where(node => node.Traits.IsHub))
        {
            var behind = plan.Behind(hub.Name);
            foreach (var node in plan.Nodes.Where(node => behind.Contains(node.Name) && (node.Traits.HoldsWholeStep || node.Traits.Holds > 0)))
            {
                if (back.Contains(node.Name) || plan.Behind(node.Name).Overlaps(back))
                    yield return new($"stage '{node.Name}'", $"it keeps messages back inside the cycle of '{hub.Name}', which sends the next one only when this one has come back", "put it on an edge that leaves the cycle, or let it give each message at once");
            }
        }
    }
}
