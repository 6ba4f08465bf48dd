using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Tracing;

/// <summary>One unit's stay in one stage, without the message it came with, so that nothing of the step is kept alive.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Unit">The unit's name; <c>all units</c> where the message is about a whole step.</param>
/// <param name="Step">The optimizer step, from 1.</param>
/// <param name="Op">What the visit does, see <see cref="Program.Ops"/>; null where the message belongs to no visit.</param>
/// <param name="MicroBatch">The micro-batch of the step, from 0; null likewise.</param>
/// <param name="Start">Timestamp at which the body began.</param>
/// <param name="End">Timestamp at which it ended.</param>
/// <param name="Waits">When in between it waited for credits, versions, turns or the device, in order.</param>
public sealed record TracedSpan(
    string Stage, string Unit, long Step, string? Op, int? MicroBatch, long Start, long End, IReadOnlyList<(long Start, long End)> Waits)
{
    /// <summary>The sum of <see cref="Waits"/>.</summary>
    public long WaitedTicks => Waits.Sum(wait => wait.End - wait.Start);

    internal static TracedSpan Of(StageSpan span, IUnitMessage message)
    {
        var visit = (message as UnitMessage)?.Visit;
        return new(span.Stage, message.UnitName, message.Step, visit?.Op, visit?.MicroBatch, span.Start, span.End, span.Waits);
    }
}
