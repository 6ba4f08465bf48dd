namespace Horizon.Flow.Runs.Reports;

/// <summary>One line of a timeline.</summary>
/// <param name="Name">Of the stage or stream.</param>
/// <param name="Spans">Start and end in ticks, a text, and the step (0 where it is not known, <see cref="Waiting"/> for a wait).</param>
public sealed record TimelineRow(string Name, IReadOnlyList<(long Start, long End, string Text, long Step)> Spans)
{
    /// <summary>In the place of the step: a wait, drawn over the stay that it is part of.</summary>
    public const long Waiting = -1;
}
