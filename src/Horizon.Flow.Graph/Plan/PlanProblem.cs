namespace Horizon.Flow.Graph;

/// <summary>One reason why a plan cannot run.</summary>
/// <param name="Where">The edge, stage or pool.</param>
/// <param name="What">What is wrong, with both types or both numbers.</param>
/// <param name="Mend">How to mend it.</param>
public sealed record PlanProblem(string Where, string What, string Mend)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Where}: {What}; {Mend}";
}
