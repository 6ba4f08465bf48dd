using Horizon.Flow.Graph;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>
/// Decides on a step's gradients, and gives each its verdict. With a largest norm it is a barrier: it holds the gradients until all have come, finds
/// the scale from their common norm, and lets them go in forward order, so that the next step's forward can follow close behind; a norm or
/// a loss that is not finite skips the step, and the store is never touched. Without one it lets each gradient go as soon as the losses are
/// known; one that is not finite skips the updates from there on.
/// </summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/> with its sum of squares, one for each trained unit and step; <see cref="StepLosses"/>.</para>
/// <para>Gives: <see cref="HostGradient"/> with its verdict.</para>
/// <para>Waits when: never; it keeps gradients until the losses, and with a largest norm all others, have come.</para>
/// <para>Completes when: told to, after the last step. On fault: as any stage.</para>
/// <para>Owns: the gradients that it keeps: with a largest norm there must be a slab for each unit.</para>
/// </remarks>
public sealed class ClipBlock : StageBlock<StepMessage, HostGradient>
{
    /// <summary>Creates the block.</summary>
    /// <param name="maximum">The largest norm; null for none.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="workers">Takes every sum of squares again, where a stage before may have changed gradients; null to believe those that came.</param>
    public ClipBlock(double? maximum, StageOptions options, HostWorkers? workers = null)
        : this(new StepDecisions(maximum), options, workers)
    {
    }

    private ClipBlock(StepDecisions decisions, StageOptions options, HostWorkers? workers)
        : base(options, (message, _) => ValueTask.FromResult(message switch
        {
            StepLosses losses => decisions.Take(losses),
            HostGradient gradient => decisions.Take(Renewed(gradient, workers)),
            _ => throw new InvalidOperationException($"clip does not take {message}"),
        }))
    {
    }

    private static HostGradient Renewed(HostGradient gradient, HostWorkers? workers)
    {
        if (workers is null)
        {
            return gradient.SumOfSquares is not null ? gradient
                : throw new InvalidOperationException($"the gradient of {gradient.Visit} came without its sum of squares; give it one with {nameof(HostGradient.WithSumOfSquares)}");
        }

        var sum = GradientSweeps.SumOfSquares(gradient.View, workers).Value;
        return gradient.WithSumOfSquares(sum, gradient.BadMicroBatch ?? (double.IsFinite(sum) ? null : gradient.Visit.MicroBatch));
    }
}
