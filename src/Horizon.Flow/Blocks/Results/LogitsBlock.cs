using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>The logits of the labelled places, for the host.</summary>
/// <remarks>
/// <para>Takes: <see cref="OpWork"/> that reads the last hidden state. Gives: <see cref="Computed"/> with [labelled tokens, vocabulary] fp32.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class LogitsBlock(StageOptions options) : StageBlock<OpWork, Computed>(options, work =>
    work.GiveResult(work.Head.Logits(work.Parameters!, work.Batch.LabelledRows(work.Input()))));
