using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Distributed;

/// <summary>Writes the model of several ranks as one folder: rank 0 writes, and asks all for their parts of each tensor, a piece at a time, so that no rank ever holds a whole unit.</summary>
public static class RankExport
{
    private const string Line = "export";

    /// <summary>Every rank calls it, at a step boundary; <see cref="ModelExporter"/> writes in rank 0.</summary>
    /// <param name="model">The model.</param>
    /// <param name="store">This rank's slices.</param>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="write">Writes the tensors; called in rank 0 alone.</param>
    /// <exception cref="HorizonException">The folder cannot be written; on every rank.</exception>
    public static async Task RunAsync(ModelDefinition model, ParameterStore store, ICollectives collectives, Func<IReadOnlyList<TensorPart>, Task> write)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(collectives);
        ArgumentNullException.ThrowIfNull(write);
        if (collectives.Rank > 0)
        {
            await ServeAsync(model, store, collectives).ConfigureAwait(false);
            return;
        }

        HorizonException? failure = null;
        try
        {
            await write([.. model.Units.SelectMany((unit, i) => unit.Parameters.Select(slot => Part(i, slot)))]).ConfigureAwait(false);
        }
        catch (HorizonException error)
        {
            failure = error;
        }

        // A piece of no unit says that this is the end.
        await collectives.ExchangeAsync(Line, Request(failure is null ? -1 : -2, 0, 0)).ConfigureAwait(false);
        if (failure is not null) throw failure;

        TensorPart Part(int unit, ParameterSlot slot)
        {
            var size = store.WeightType.ByteSize();
            return new TensorPart(slot.TensorName, store.WeightType.ToSafetensors(), slot.Shape, (offset, bytes) =>
            {
                // Writers ask on one thread, which waits here.
                collectives.ExchangeAsync(Line, Request(unit, slot.Offset + (offset / size), bytes.Length / size)).GetAwaiter().GetResult();
                var pieces = collectives.ExchangeAsync(Line, Piece(model, store, collectives, unit, slot.Offset + (offset / size), bytes.Length / size)).GetAwaiter().GetResult();
                var filled = 0;
                foreach (var piece in pieces)
                {
                    piece.CopyTo(bytes[filled..]);
                    filled += piece.Length;
                }

                if (filled != bytes.Length) throw new HorizonException($"the ranks have {filled} of {bytes.Length} bytes of {slot.TensorName}; start all ranks with one configuration");
            });
        }
    }

    private static async Task ServeAsync(ModelDefinition model, ParameterStore store, ICollectives collectives)
    {
        while (true)
        {
            var request = MemoryMarshal.Cast<byte, long>((await collectives.ExchangeAsync(Line, []).ConfigureAwait(false))[0]).ToArray();
            if (request[0] == -1) return;
            if (request[0] == -2) throw new HorizonException("rank 0 could not write the model; its own error says why");
            await collectives.ExchangeAsync(Line, Piece(model, store, collectives, (int)request[0], request[1], request[2])).ConfigureAwait(false);
        }
    }

    private static byte[] Request(long unit, long first, long count) => MemoryMarshal.AsBytes<long>([unit, first, count]).ToArray();

    // Slices lie one after another, so pieces do.
    private static byte[] Piece(ModelDefinition model, ParameterStore store, ICollectives collectives, int unit, long first, long count)
    {
        var (state, begin) = (store.Units[unit], new UnitSlices(collectives.Rank, collectives.Count).FirstOf(model.Units[unit]));
        var (from, end) = (Math.Max(first, begin) - begin, Math.Min(first + count, begin + state.Layout.ElementCount) - begin);
        var size = store.WeightType.ByteSize();
        return from >= end ? [] : state.Weights.Span<byte>(from * size, checked((int)((end - from) * size))).ToArray();
    }
}
