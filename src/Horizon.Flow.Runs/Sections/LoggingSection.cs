namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>logging</c> section: what is printed. <c>metrics.jsonl</c> has every step in any case.</summary>
public sealed record LoggingSection
{
    /// <summary>In a log or a pipe, print a line after every so many steps; 0 prints one at most every two seconds.</summary>
    /// <value>Default 0.</value>
    public long EverySteps { get; init; }
}
