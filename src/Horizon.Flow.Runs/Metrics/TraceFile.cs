namespace Horizon.Flow.Runs.Metrics;

/// <summary>The trace that a run leaves in its output folder where it was asked for one, for ui.perfetto.dev.</summary>
public static class TraceFile
{
    /// <summary>The file's name.</summary>
    public const string Name = "trace.json";
}
