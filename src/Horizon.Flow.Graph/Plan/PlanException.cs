namespace Horizon.Flow.Graph;

/// <summary>A plan was refused. The message lists every problem, one a line.</summary>
public sealed class PlanException : Exception
{
    /// <summary>Creates the error.</summary>
    public PlanException(IReadOnlyList<PlanProblem> problems)
        : base($"the graph cannot run:{string.Concat((problems ?? []).Select(problem => $"{Environment.NewLine}  {problem}"))}")
    {
        Problems = problems ?? [];
    }

    /// <summary>All problems, in the order they were found.</summary>
    public IReadOnlyList<PlanProblem> Problems { get; }
}
