using System.Runtime.InteropServices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Alignment;

/// <summary>A pass that several ranks share: micro-batch number i is rank i mod N's, as in a step, and all are told what came of each.</summary>
internal static class SharedPass
{
    private const string Line = "shared pass";

    /// <summary>What is made of an operation's numbers, for each micro-batch, in their order.</summary>
    /// <typeparam name="T">Of the numbers.</typeparam>
    /// <param name="run">A run of the model.</param>
    /// <param name="batches">One or more, the same on every rank.</param>
    /// <param name="op">See <see cref="LayerPass"/>.</param>
    /// <param name="together">See <see cref="LayerPass"/>.</param>
    /// <param name="ranks">The ranks that share the run, each of which calls this; null where there is one.</param>
    /// <param name="read">Makes of a micro-batch's place and what the operation gave one number for each labelled token.</param>
    /// <param name="cancellation">Gives up waiting for room; the run is then stopped.</param>
    public static async Task<IReadOnlyList<T[]>> RunAsync<T>(
        TrainingRun run, IReadOnlyList<MicroBatch> batches, string op, int together, ICollectives? ranks, Func<int, HostResult, T[]> read, CancellationToken cancellation)
        where T : unmanaged
    {
        var share = RankShare.For(ranks);
        var places = share.PlacesOf(batches.Count);
        // The weights of a pass are those of all ranks, so that each makes as many: a rank without a micro-batch of its own takes another's, for nothing.
        var results = await LayerPass.RunAsync(run, [.. places.Select(place => batches[place % batches.Count])], op, together, cancellation).ConfigureAwait(false);
        List<T[]> own = [.. places.Zip(results).Where(pair => pair.First < batches.Count).Select(pair => read(pair.First, pair.Second))];
        if (ranks is null) return own;
        var all = await ranks.ExchangeAsync(Line, MemoryMarshal.AsBytes<T>([.. own.SelectMany(numbers => numbers)]).ToArray(), CancellationToken.None).ConfigureAwait(false);
        var taken = new int[ranks.Count];
        return [.. batches.Select((batch, place) =>
        {
            var rank = place % ranks.Count;
            var numbers = MemoryMarshal.Cast<byte, T>(all[rank]).Slice(taken[rank], batch.LabelledTokens).ToArray();
            taken[rank] += numbers.Length;
            return numbers;
        })];
    }
}
