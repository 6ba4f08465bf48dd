using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Ends a training forward: the loss, the head's gradients and the gradient of its input in one visit.</summary>
/// <remarks>
/// <para>Takes: <see cref="HeadWork"/>. Gives: <see cref="Computed"/> with the gradient of the hidden state.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class HeadBlock(StageOptions options)
    : StageBlock<HeadWork, Computed>(options, work => work.Give(work.Head.Differentiate(work.Parameters!, work.Gradients, work.Input, work.Batch, work.LossScale)));
