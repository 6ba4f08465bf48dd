using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Runs a unit forward, with nothing kept.</summary>
/// <remarks>
/// <para>Takes: <see cref="ForwardWork"/>. Gives: <see cref="Computed"/> with the next hidden state.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class ForwardBlock(StageOptions options)
    : StageBlock<ForwardWork, Computed>(options, work => work.Give(work.Template.Forward(work.Parameters!, work.Input, work.Batch)));
