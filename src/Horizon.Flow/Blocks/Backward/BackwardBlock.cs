using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>The gradients of one unit, from its tape and the gradient of its output. No autograd graph spans two units.</summary>
/// <remarks>
/// <para>Takes: <see cref="BackwardWork"/>. Gives: <see cref="Computed"/> with the gradient of the unit's input.</para>
/// <para>Waits when: never. Completes when: told to, after the last visit. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class BackwardBlock(StageOptions options)
    : StageBlock<BackwardWork, Computed>(options, work =>
    {
        var tape = work.Tape;
        var inputGradient = tape.Backward(work.OutputGradient, work.Gradients);
        return work.Give(inputGradient, work.Gradients is { } gradients ? tape.NonzeroOf(gradients.Layout) : null);
    });
