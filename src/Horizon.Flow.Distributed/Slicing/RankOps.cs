namespace Horizon.Flow.Distributed;

/// <summary>The operation that ranks add to programs.</summary>
public static class RankOps
{
    /// <summary>
    /// Either reads a unit's slice and writes the whole unit (an all-gather), or reads a whole gradient and gives this rank's slice of the sum of all
    /// ranks' (a reduce-scatter).
    /// </summary>
    public const string Collective = "collective";
}
