using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>The log-probability of each label, for the host.</summary>
/// <remarks>
/// <para>Takes: <see cref="OpWork"/> that reads the last hidden state. Gives: <see cref="Computed"/> with [labelled tokens] fp32.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class LogProbabilitiesBlock(StageOptions options) : StageBlock<OpWork, Computed>(options, work =>
    work.GiveResult(work.Head.LogProbabilities(work.Parameters!, work.Input(), work.Batch)));
