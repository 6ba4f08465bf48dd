using Horizon.Flow.Graph;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Distributed;

/// <summary>Gives each rank's slice of a gradient the sum of squares of the whole unit, and the first micro-batch that was bad on any rank.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/>, in the same order on every rank. Gives: the same with the sum of squares of all ranks. Other messages pass.</para>
/// <para>Waits when: another rank has not got so far. Completes when: told to, after the last gradient. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class SquareSumBlock : StageBlock<StepMessage, StepMessage>
{
    /// <summary>Creates the block.</summary>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="workers">Takes every sum of the slice again, where a stage before may have changed it; null to believe those that came.</param>
    public SquareSumBlock(ICollectives collectives, StageOptions options, HostWorkers? workers = null)
        : base(options, async (message, call) =>
        {
            if (message is not HostGradient gradient) return message;
            var own = workers is null ? gradient.SumOfSquares ?? throw new InvalidOperationException($"the gradient of {gradient.Visit} came without its sum of squares")
                : GradientSweeps.SumOfSquares(gradient.View, workers).Value;
            var bad = gradient.BadMicroBatch ?? (double.IsFinite(own) ? null : gradient.Visit.MicroBatch);
            double[] numbers = [gradient.Visit.Unit, gradient.Step, own, bad ?? int.MaxValue];
            var all = await call.WaitFor(new ValueTask<IReadOnlyList<double[]>>(collectives.ExchangeNumbersAsync("squares", numbers, call.Cancellation))).ConfigureAwait(false);
            for (var rank = 0; rank < all.Count; rank++)
            {
                if (all[rank][0] != numbers[0] || all[rank][1] != numbers[1])
                    throw new HorizonException($"rank {collectives.Rank} is at unit {numbers[0]} of step {numbers[1]} where rank {rank} is at unit {all[rank][0]} of step {all[rank][1]}; start all ranks with one configuration");
            }

            var first = all.Min(one => one[3]);
            return gradient.WithSumOfSquares(all.Sum(one => one[2]), first < int.MaxValue ? (int)first : null);
        })
    {
    }
}
