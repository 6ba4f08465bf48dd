using System.Globalization;
using System.Runtime.InteropServices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>Tells weights apart, in whatever slices ranks hold them: a sum over all elements of a mix of each one's bits and its place in the model.</summary>
internal static class StoreContent
{
    /// <summary>Hexadecimal digits of all weights as the device reads them; the same for any number of ranks.</summary>
    /// <param name="model">The model.</param>
    /// <param name="store">Its weights, or this rank's slices of them.</param>
    /// <param name="slices">Which; null where the store has whole units.</param>
    /// <param name="ranks">The ranks, each of which calls this; null where there is one.</param>
    public static async Task<string> OfAsync(ModelDefinition model, ParameterStore store, UnitSlices? slices = null, ICollectives? ranks = null)
    {
        var sums = Own(model, store, slices);
        if (ranks is not null)
        {
            var all = await ranks.ExchangeAsync("content", MemoryMarshal.AsBytes<ulong>(sums).ToArray()).ConfigureAwait(false);
            sums = [.. Enumerable.Range(0, sums.Length).Select(i => all.Aggregate(0UL, (sum, bytes) => unchecked(sum + MemoryMarshal.Cast<byte, ulong>(bytes)[i])))];
        }

        return string.Create(CultureInfo.InvariantCulture, $"{sums[0]:x16}{sums[1]:x16}");
    }

    private static ulong[] Own(ModelDefinition model, ParameterStore store, UnitSlices? slices)
    {
        using var workers = new HostWorkers();
        var (sums, start) = (new ulong[2], 0L);
        for (var i = 0; i < store.Units.Count; i++)
        {
            var (unit, whole, place) = (store.Units[i], model.Units[i], start);
            start += whole.ElementCount;
            foreach (var piece in slices?.PiecesOf(whole) ?? [new UnitPiece(0, whole.ElementCount, 0)])
            {
                workers.Sweep(piece.Count, (_, first, count) =>
                {
                    var (low, high) = store.Precision == StorePrecision.Fp32
                        ? Add(unit.Weights.Span<uint>(piece.Place + first, count), place + piece.First + first) : Add(unit.Weights.Span<ushort>(piece.Place + first, count), place + piece.First + first);
                    Interlocked.Add(ref sums[0], low);
                    Interlocked.Add(ref sums[1], high);
                });
            }
        }

        return sums;
    }

    private static (ulong Low, ulong High) Add<T>(Span<T> values, long place)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        var (low, high) = (0UL, 0UL);
        unchecked
        {
            for (var i = 0; i < values.Length; i++)
            {
                // SplitMix64, of which two rounds are two sums.
                var mixed = SplitMix.Step(SplitMix.Step((ulong)(place + i)) ^ ulong.CreateTruncating(values[i]));
                low += mixed;
                high += SplitMix.Step(mixed);
            }
        }

        return (low, high);
    }
}
