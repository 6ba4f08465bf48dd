using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Starts the copy of a hidden state back to the device. The program asks for it some visits before it is read.</summary>
/// <remarks>
/// <para>Takes: <see cref="ReturnWork"/>. Gives: <see cref="Computed"/>.</para>
/// <para>Waits when: the copy to the host is still under way, or the device buffer has to grow.</para>
/// <para>Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class ReturnBlock(StageOptions options) : StageBlock<ReturnWork, Computed>(options, async (work, call) =>
{
    await call.WaitFor(work.Source.Fence.WaitAsync(call.Cancellation)).ConfigureAwait(false);
    await call.WaitFor(work.Place.FillAsync(work.Source, call.Cancellation)).ConfigureAwait(false);
    return work.Give();
});
