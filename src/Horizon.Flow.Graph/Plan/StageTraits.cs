namespace Horizon.Flow.Graph;

/// <summary>What a plan knows of a stage beside its types: bounds, place and pools. For validation, drawings and byte budgets.</summary>
public sealed record StageTraits
{
    /// <summary>Messages the stage may hold.</summary>
    /// <value>1.</value>
    public int Capacity { get; init; } = 1;

    /// <summary>Messages worked on at once.</summary>
    /// <value>1.</value>
    public int Parallelism { get; init; } = 1;

    /// <summary>Where its body runs, in words.</summary>
    /// <value>"host threads".</value>
    public string RunsOn { get; init; } = "host threads";

    /// <summary>Names of the pools whose leases it takes or holds.</summary>
    public IReadOnlyList<string> Pools { get; init; } = [];

    /// <summary>
    /// True for a barrier: it gives nothing before it has every message of a step (the norm of all gradients, say). What its
    /// messages hold must then be there once for every unit.
    /// </summary>
    public bool HoldsWholeStep { get; init; }

    /// <summary>True for a stage that sees what its next one sees: <c>InsertBefore</c> that one puts a new stage in front of both.</summary>
    public bool StaysBeforeNext { get; init; }

    /// <summary>True where messages come from outside the graph.</summary>
    public bool IsEntry { get; init; }
}
