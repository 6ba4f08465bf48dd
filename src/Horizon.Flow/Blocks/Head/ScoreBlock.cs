using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Ends an evaluation's forward: the loss alone.</summary>
/// <remarks>
/// <para>Takes: <see cref="ScoreWork"/>. Gives: <see cref="Computed"/> with nothing in it; the loss goes its own way.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class ScoreBlock(StageOptions options)
    : StageBlock<ScoreWork, Computed>(options, work => work.Give(work.Head.LossSum(work.Parameters!, work.Input, work.Batch)));
