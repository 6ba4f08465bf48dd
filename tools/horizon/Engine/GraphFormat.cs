namespace Horizon.Flow.Cli;

/// <summary>Languages that graphs are drawn in.</summary>
public enum GraphFormat
{
    /// <summary>Mermaid, which Markdown viewers draw.</summary>
    Mermaid,

    /// <summary>Graphviz.</summary>
    Dot,
}
