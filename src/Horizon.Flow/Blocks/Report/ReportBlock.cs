using Horizon.Flow.Accounting;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>The end of the line: hands what comes to the run's ledger, which reports a step when all of its units have come.</summary>
/// <remarks>
/// <para>Takes: <see cref="UnitUpdated"/>; <see cref="StepLosses"/> of a pass; <see cref="HostResult"/>; <see cref="CollectedGradient"/>. Gives: nothing.</para>
/// <para>Waits when: never. Completes when: told to, after the last message. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class ReportBlock(StepLedger ledger, StageOptions options) : StageSink<StepMessage>(options, (message, _) =>
{
    ledger.Take(message);
    return ValueTask.CompletedTask;
});
