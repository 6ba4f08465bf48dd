namespace Horizon.Flow.Configuration;

/// <summary>The <c>output</c> section.</summary>
public sealed record OutputSection
{
    /// <summary>Gets <c>model/</c>, <c>metrics.jsonl</c> and <c>checkpoints/</c>; made when missing. Required by <c>train</c>.</summary>
    /// <value>No default.</value>
    [PathKey]
    public string? Directory { get; init; }
}
