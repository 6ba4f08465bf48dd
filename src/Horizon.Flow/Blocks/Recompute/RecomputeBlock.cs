using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Runs a unit forward, keeping what backward needs: once again from a kept input, or at once where activations are kept.</summary>
/// <remarks>
/// <para>Takes: <see cref="RecomputeWork"/>. Gives: <see cref="Computed"/> with the tape and, where asked for, the next hidden state.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class RecomputeBlock(StageOptions options)
    : StageBlock<RecomputeWork, Computed>(options, work => work.Give(work.Template.Recompute(work.Parameters, work.Input, work.Batch)));
