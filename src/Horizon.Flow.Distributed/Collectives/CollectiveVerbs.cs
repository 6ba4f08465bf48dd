using System.Runtime.InteropServices;

namespace Horizon.Flow.Distributed;

/// <summary>What is made of exchanges.</summary>
public static class CollectiveVerbs
{
    /// <summary>Tells every rank some numbers of each.</summary>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="line">See <see cref="ICollectives.ExchangeAsync"/>.</param>
    /// <param name="own">This rank's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>[Count]: the numbers of each rank, by rank.</returns>
    public static async Task<IReadOnlyList<double[]>> ExchangeNumbersAsync(this ICollectives collectives, string line, double[] own, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(collectives);
        var all = await collectives.ExchangeAsync(line, MemoryMarshal.AsBytes<double>(own).ToArray(), cancellationToken).ConfigureAwait(false);
        return [.. all.Select(bytes => MemoryMarshal.Cast<byte, double>(bytes).ToArray())];
    }

    /// <summary>The sums over the ranks, added in their order.</summary>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="line">See <see cref="ICollectives.ExchangeAsync"/>.</param>
    /// <param name="own">This rank's summands; as many on every rank.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<double[]> SumAsync(this ICollectives collectives, string line, double[] own, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(collectives);
        ArgumentNullException.ThrowIfNull(own);
        var all = await collectives.ExchangeNumbersAsync(line, own, cancellationToken).ConfigureAwait(false);
        if (all.Any(numbers => numbers.Length != own.Length))
            throw new HorizonException($"rank {collectives.Rank} adds {own.Length} numbers of '{line}', the ranks have {string.Join(", ", all.Select(numbers => numbers.Length))}; start all ranks with one configuration");
        return [.. own.Select((_, i) => all.Sum(numbers => numbers[i]))];
    }

    /// <summary>Ends when every rank has come here.</summary>
    public static Task BarrierAsync(this ICollectives collectives, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(collectives);
        return collectives.ExchangeAsync("barrier", [], cancellationToken);
    }
}
