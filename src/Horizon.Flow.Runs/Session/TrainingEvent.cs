using System.Collections.Immutable;
using Horizon.Flow.Accounting;

namespace Horizon.Flow.Runs.Session;

/// <summary>Something that a run tells of.</summary>
public abstract record TrainingEvent
{
    private TrainingEvent()
    {
    }

    /// <summary>A step ended.</summary>
    public sealed record StepEnded(StepReport Report) : TrainingEvent
    {
        /// <summary>What the objective measured, by name; none for the next token.</summary>
        public IReadOnlyDictionary<string, double> Metrics { get; init; } = ImmutableDictionary<string, double>.Empty;
    }

    /// <summary>The held-out text was looked at after a step; the loss is the mean over its labelled tokens, in nats, or over what the objective counts.</summary>
    public sealed record Evaluated(long Step, double Loss) : TrainingEvent
    {
        /// <summary>What the objective measured, by name; none for the next token.</summary>
        public IReadOnlyDictionary<string, double> Metrics { get; init; } = ImmutableDictionary<string, double>.Empty;
    }

    /// <summary>Anything else that a user should read: a checkpoint written, a loss spike, a fallback taken. One sentence.</summary>
    public sealed record Noticed(string Text) : TrainingEvent;
}
