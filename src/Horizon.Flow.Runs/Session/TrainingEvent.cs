using Horizon.Flow.Accounting;

namespace Horizon.Flow.Runs.Session;

/// <summary>Something that a run tells of.</summary>
public abstract record TrainingEvent
{
    private TrainingEvent()
    {
    }

    /// <summary>A step ended.</summary>
    public sealed record StepEnded(StepReport Report) : TrainingEvent;

    /// <summary>The held-out text was looked at after a step; the loss is the mean over its labelled tokens, in nats.</summary>
    public sealed record Evaluated(long Step, double Loss) : TrainingEvent;

    /// <summary>Anything else that a user should read: a checkpoint written, a loss spike, a fallback taken. One sentence.</summary>
    public sealed record Noticed(string Text) : TrainingEvent;
}
