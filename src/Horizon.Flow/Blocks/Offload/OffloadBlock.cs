using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Starts the copy of a hidden state to host memory, ahead of the layer's own operators, which hide it.</summary>
/// <remarks>
/// <para>Takes: <see cref="OffloadWork"/>. Gives: <see cref="Computed"/>, complete when the copy is.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class OffloadBlock(StageOptions options)
    : StageBlock<OffloadWork, Computed>(options, work => work.Give(work.Place.CopyFrom(work.Input)));
