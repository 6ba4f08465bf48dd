using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Ends an evaluation's forward: the loss, and an objective's numbers.</summary>
/// <remarks>
/// <para>Takes: <see cref="ScoreWork"/>. Gives: <see cref="Computed"/> with an objective's numbers where the visit gives a result; the loss goes its own way.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class ScoreBlock(StageOptions options)
    : StageBlock<ScoreWork, Computed>(options, work => work.Give(work.Head.Score(work.Parameters!, work.Input, work.Batch)));
