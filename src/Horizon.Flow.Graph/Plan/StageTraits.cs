namespace Horizon.Flow.Graph;

/// <summary>What a plan knows of a stage beside its types: bounds, place, pools, and what it keeps. For validation, drawings and byte budgets.</summary>
public sealed record StageTraits
{
    /// <summary>Messages the stage may hold.</summary>
    /// <value>1.</value>
    public int Capacity { get; init; } = 1;

    /// <summary>Messages worked on at once.</summary>
    /// <value>1.</value>
    public int Parallelism { get; init; } = 1;

    /// <summary>Where its body runs, in words. A run may have a scheduler of that name (<see cref="GraphRunOptions.Places"/>).</summary>
    /// <value>"host threads".</value>
    public string RunsOn { get; init; } = "host threads";

    /// <summary>The pools whose leases it takes.</summary>
    public IReadOnlyList<IPoolSpec> Pools { get; init; } = [];

    /// <summary>True where the body keeps something from one message to the next: such a stage works on one message at a time.</summary>
    public bool Stateful { get; init; }

    /// <summary>Messages that it keeps back at most until later ones have come, with all their leases. A barrier over a whole step is <see cref="HoldsWholeStep"/>.</summary>
    /// <value>0.</value>
    public int Holds { get; init; }

    /// <summary>
    /// True for a barrier: it gives nothing before it has every message of a step (the norm of all gradients, say). What its
    /// messages hold must then be there once for every unit.
    /// </summary>
    public bool HoldsWholeStep { get; init; }

    /// <summary>True where a message leaves as it came: nobody behind it needs to look at its contents again.</summary>
    public bool PassesThrough { get; init; }

    /// <summary>True for a stage that sees what its next one sees: <c>InsertBefore</c> that one puts a new stage in front of both.</summary>
    public bool StaysBeforeNext { get; init; }

    /// <summary>True where messages come from outside the graph.</summary>
    public bool IsEntry { get; init; }

    /// <summary>True for an <see cref="IHub"/>: its edges may carry any type derived from its output.</summary>
    public bool IsHub { get; init; }
}
