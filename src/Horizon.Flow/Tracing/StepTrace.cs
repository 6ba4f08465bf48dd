using System.Collections.Concurrent;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow.Tracing;

/// <summary>Collects the stays of units in stages over some training steps; passes that train nothing are left out.</summary>
/// <param name="firstStep">The first of them.</param>
/// <param name="lastStep">The last of them.</param>
public sealed class StepTrace(long firstStep, long lastStep)
{
    private readonly ConcurrentQueue<TracedSpan> _spans = [];

    /// <summary>The first step that is traced.</summary>
    public long FirstStep => firstStep;

    /// <summary>The last step that is traced.</summary>
    public long LastStep => lastStep;

    /// <summary>What was collected so far, in the order of the ends.</summary>
    public IReadOnlyList<TracedSpan> Spans => [.. _spans];

    /// <summary>Takes a stay; for <see cref="GraphRunOptions.OnSpan"/>.</summary>
    public void OnSpan(StageSpan span)
    {
        if (span.Message is not { } message || message.Step < firstStep || message.Step > lastStep) return;
        if (message is StepMessage { Info.Purpose: not StepPurpose.Train }) return;
        _spans.Enqueue(TracedSpan.Of(span, message));
    }
}
