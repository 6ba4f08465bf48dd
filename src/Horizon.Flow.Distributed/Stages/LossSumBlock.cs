using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Distributed;

/// <summary>Adds the losses of all ranks, in their order, so that every rank decides on the same.</summary>
/// <remarks>
/// <para>Takes and gives: <see cref="StepLosses"/>, one a step.</para>
/// <para>Waits when: another rank has not got so far. Completes when: told to, after the last step. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class LossSumBlock(ICollectives collectives, StageOptions options) : StageBlock<StepLosses, StepLosses>(options, async (losses, call) =>
{
    double[] own = [.. losses.Sums];
    return new StepLosses(losses.Info, await call.WaitFor(new ValueTask<double[]>(collectives.SumAsync("losses", own, call.Cancellation))).ConfigureAwait(false));
});
