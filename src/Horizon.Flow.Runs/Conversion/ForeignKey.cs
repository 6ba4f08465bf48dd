namespace Horizon.Flow.Runs.Conversion;

/// <summary>A key of other tools, and what it is here.</summary>
/// <param name="Kind">Whether there is a counterpart.</param>
/// <param name="Target">The full path of the key here; null where there is none.</param>
/// <param name="Says">Why there is none, or that none is needed: a few words.</param>
internal sealed record ForeignKey(ForeignKeyKind Kind, string? Target, string Says)
{
    /// <summary>What somebody should do who wrote it here.</summary>
    public string Hint => Target is null ? Says : $"here it is '{Target}'";
}
