using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>A link from one stage to another.</summary>
/// <param name="From">Name of the giving stage.</param>
/// <param name="To">Name of the taking stage.</param>
/// <param name="Route">Which messages take this edge, in words; null for all that no earlier edge took.</param>
public abstract record PlanEdge(string From, string To, string? Route)
{
    /// <summary>Type of the messages.</summary>
    public abstract Type Message { get; }

    /// <summary>True for an edge back to a hub that the stage got its messages from: no part of the order in which stages end.</summary>
    public bool IsFeedback { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Route is null ? $"{From} -> {To}" : $"{From} -> {To} [{Route}]";

    /// <summary>Links the blocks for what this edge takes and no earlier edge out of the same stage does.</summary>
    internal abstract void Link(IDataflowBlock source, IDataflowBlock target, IReadOnlyList<PlanEdge> earlier);

    internal abstract void Drain(IDataflowBlock source);

    /// <summary>Makes a message that none of the edges takes a fault.</summary>
    internal abstract void LinkDeadEnd(IDataflowBlock source, IReadOnlyList<PlanEdge> edges, Action<StageException> onFault);
}
