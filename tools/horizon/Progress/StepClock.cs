using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>Estimates how long a run will still take, from how long its steps took so far with all that happened between them.</summary>
public sealed class StepClock(TrainingOutline outline, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>The time from the end of <paramref name="step"/> to that of the last one; null where the last one is not known.</summary>
    public TimeSpan? Left(long step)
    {
        var done = step - outline.FirstStep + 1;
        return outline.LastStep is { } last && done > 0 ? time.GetElapsedTime(_start) / done * Math.Max(last - step, 0) : null;
    }
}
