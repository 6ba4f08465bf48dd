namespace Horizon.Flow.Graph;

/// <summary>Finds every reason why a plan cannot run, before anything is built.</summary>
internal static class PlanValidator
{
    public static IReadOnlyList<PlanProblem> Check<TContext>(GraphPlan<TContext> plan)
    {
        var problems = new List<PlanProblem>();
        var nodes = new Dictionary<string, PlanNode<TContext>>();
        foreach (var node in plan.Nodes)
        {
            if (!nodes.TryAdd(node.Name, node))
                problems.Add(new($"stage '{node.Name}'", "the name is used twice", "give one of them another name"));
            if (node.Traits.Capacity < 1)
                problems.Add(new($"stage '{node.Name}'", $"its capacity is {node.Traits.Capacity}", "give it at least 1"));
            if (node.Traits.Parallelism < 1)
                problems.Add(new($"stage '{node.Name}'", $"its parallelism is {node.Traits.Parallelism}", "give it at least 1"));
            if (node.Traits is { Stateful: true, Parallelism: > 1 })
                problems.Add(new($"stage '{node.Name}'", $"it keeps something between messages and works on {node.Traits.Parallelism} at once", "set its parallelism to 1"));
            if (node.Traits.Holds < 0)
                problems.Add(new($"stage '{node.Name}'", $"it holds {node.Traits.Holds} messages", "say how many it keeps back, 0 for none"));
        }

        foreach (var edge in plan.Edges) CheckEdge(edge, nodes, problems);
        foreach (var node in plan.Nodes) CheckPorts(plan, node, problems);
        if (problems.Count == 0) CheckCycles(plan, problems);
        return problems;
    }

    private static void CheckEdge<TContext>(PlanEdge edge, Dictionary<string, PlanNode<TContext>> nodes, List<PlanProblem> problems)
    {
        var where = $"edge {edge}";
        if (!nodes.TryGetValue(edge.From, out var from))
            problems.Add(new(where, $"there is no stage '{edge.From}'", "add it or link another"));
        else if (from.Output is null)
            problems.Add(new(where, $"'{edge.From}' is the end of a line and gives nothing", "link from another stage"));
        else if (from.Output != edge.Message && !(from.Traits.IsHub && from.Output.IsAssignableFrom(edge.Message)))
            problems.Add(new(where, $"'{edge.From}' gives {from.Output.Name}, the edge carries {edge.Message.Name}", $"put a stage from {from.Output.Name} to {edge.Message.Name} between"));
        if (!nodes.TryGetValue(edge.To, out var to))
            problems.Add(new(where, $"there is no stage '{edge.To}'", "add it or link another"));
        else if (!to.Input.IsAssignableFrom(edge.Message))
            problems.Add(new(where, $"'{edge.To}' takes {to.Input.Name}, the edge carries {edge.Message.Name}", $"put a stage from {edge.Message.Name} to {to.Input.Name} between"));
    }

    private static void CheckPorts<TContext>(GraphPlan<TContext> plan, PlanNode<TContext> node, List<PlanProblem> problems)
    {
        var where = $"stage '{node.Name}'";
        if (!node.Traits.IsEntry && !plan.Edges.Any(edge => edge.To == node.Name))
            problems.Add(new(where, $"nothing gives it {node.Input.Name}", "link a stage to it, or mark it as an entry"));
        var outgoing = plan.Edges.Where(edge => edge.From == node.Name).ToList();
        if (node.Output is not null && outgoing.Count == 0)
            problems.Add(new(where, $"nothing takes its {node.Output.Name}: it would fill up and stop the graph", "link it to a stage or a sink"));
        var behindOpenEdge = outgoing.GroupBy(edge => edge.Message).SelectMany(edges => edges.SkipWhile(edge => edge.Route is not null).Skip(1)).ToList();
        foreach (var edge in behindOpenEdge)
            problems.Add(new($"edge {edge}", "an edge without a route before it takes every message", "give the earlier edge a route, or put a block that copies between"));
    }

    private static void CheckCycles<TContext>(GraphPlan<TContext> plan, List<PlanProblem> problems)
    {
        var left = plan.Nodes.Select(node => node.Name).ToHashSet();
        while (left.RemoveWhere(name => !plan.Edges.Any(edge => !edge.IsFeedback && edge.To == name && left.Contains(edge.From))) > 0)
        {
        }

        if (left.Count > 0)
            problems.Add(new($"stages {string.Join(", ", left.Order(StringComparer.Ordinal))}", "their edges go round in a circle, and bounded blocks in a circle can lock each other", "take one of the edges out, or feed it back to a hub"));
        else
            problems.AddRange(FeedbackValidator.Check(plan));
    }
}
