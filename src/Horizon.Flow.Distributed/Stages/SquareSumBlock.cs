using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Distributed;

/// <summary>Gives each rank's slice of a gradient the sum of squares of the whole unit, and the first micro-batch that was bad on any rank.</summary>
/// <remarks>
/// <para>Takes: <see cref="HostGradient"/> with its sum of squares, in the same order on every rank. Gives: the same with that of all ranks.</para>
/// <para>Waits when: another rank has not got so far. Completes when: told to, after the last gradient. On fault: as any stage. Owns: nothing.</para>
/// </remarks>
public sealed class SquareSumBlock(ICollectives collectives, StageOptions options) : StageBlock<HostGradient, HostGradient>(options, async (gradient, call) =>
{
    var own = gradient.SumOfSquares ?? throw new InvalidOperationException($"the gradient of {gradient.Visit} came without its sum of squares");
    double[] numbers = [gradient.Visit.Unit, gradient.Step, own, gradient.BadMicroBatch ?? int.MaxValue];
    var all = await call.WaitFor(new ValueTask<IReadOnlyList<double[]>>(collectives.ExchangeNumbersAsync("squares", numbers, call.Cancellation))).ConfigureAwait(false);
    for (var rank = 0; rank < all.Count; rank++)
    {
        if (all[rank][0] != numbers[0] || all[rank][1] != numbers[1])
            throw new HorizonException($"rank {collectives.Rank} is at unit {numbers[0]} of step {numbers[1]} where rank {rank} is at unit {all[rank][0]} of step {all[rank][1]}; start all ranks with one configuration");
    }

    var bad = all.Min(one => one[3]);
    return gradient.WithSumOfSquares(all.Sum(one => one[2]), bad < int.MaxValue ? (int)bad : null);
});
