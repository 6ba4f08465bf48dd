namespace Horizon.Flow.Bench;

/// <summary>One line of a picture.</summary>
/// <param name="Name">Of the stage or stream.</param>
/// <param name="Spans">Start and end in ticks, a text, and the step (0 where it is not known).</param>
internal sealed record TraceRow(string Name, IReadOnlyList<(long Start, long End, string Text, long Step)> Spans);
