namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>output</c> section.</summary>
public sealed record OutputSection
{
    /// <summary>Gets <c>model/</c>, <c>metrics.jsonl</c> and <c>checkpoints/</c>; made when missing. Required by <c>train</c>.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Directory { get; init; }

    /// <summary>Whether a new run may replace the model and the metrics of one that has ended there. Checkpoints it never replaces.</summary>
    /// <value>Default false: such a folder is refused.</value>
    public bool Overwrite { get; init; }
}
