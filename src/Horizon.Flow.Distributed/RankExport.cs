using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>Writes the model of several ranks as one folder: rank 0 writes, and asks all for their parts of each tensor, a piece at a time, so that no rank ever holds a whole unit.</summary>
public static class RankExport
{
    private const string Line = "export";

    /// <summary>Every rank calls it, at a step boundary; <see cref="ModelExporter"/> writes in rank 0.</summary>
    /// <param name="plan">The rank's plan.</param>
    /// <param name="store">This rank's slices.</param>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="write">Writes the tensors; called in rank 0 alone.</param>
    /// <param name="wanted">Which parameters; all by default.</param>
    /// <param name="masters">Whether the fp32 masters are written, not the weights as the device reads them.</param>
    /// <exception cref="HorizonException">The folder cannot be written; on every rank.</exception>
    public static async Task RunAsync(
        TrainingPlan plan, ParameterStore store, ICollectives collectives, Func<IReadOnlyList<TensorPart>, Task> write, Func<ParameterSlot, bool>? wanted = null, bool masters = false)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(collectives);
        ArgumentNullException.ThrowIfNull(write);
        var pieces = new RankPieces(plan, store, collectives, masters);
        if (collectives.Rank > 0)
        {
            await ServeAsync(pieces, collectives).ConfigureAwait(false);
            return;
        }

        HorizonException? failure = null;
        try
        {
            await write(TensorPart.Whole(plan.Model.Units.SelectMany((unit, i) => unit.Parameters.Where(slot => wanted?.Invoke(slot) != false).Select(slot => (slot, Part(i, slot)))))).ConfigureAwait(false);
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
            var size = pieces.Type.ByteSize();
            var order = pieces.OrderOf(unit, slot);
            return new TensorPart(slot.TensorName, pieces.Type.ToSafetensors(), slot.Shape, (offset, bytes) =>
            {
                // Writers ask on one thread, which waits here.
                var (first, count) = (slot.Offset + (offset / size), bytes.Length / size);
                collectives.ExchangeAsync(Line, Request(unit, first, count)).GetAwaiter().GetResult();
                var all = collectives.ExchangeAsync(Line, pieces.Of(unit, first, count)).GetAwaiter().GetResult();
                var filled = 0;
                foreach (var rank in order)
                {
                    all[rank].CopyTo(bytes[filled..]);
                    filled += all[rank].Length;
                }

                if (filled != bytes.Length) throw new HorizonException($"the ranks have {filled} of {bytes.Length} bytes of {slot.TensorName}; start all ranks with one configuration");
            });
        }
    }

    private static async Task ServeAsync(RankPieces pieces, ICollectives collectives)
    {
        while (true)
        {
            var request = MemoryMarshal.Cast<byte, long>((await collectives.ExchangeAsync(Line, []).ConfigureAwait(false))[0]).ToArray();
            if (request[0] == -1) return;
            if (request[0] == -2) throw new HorizonException("rank 0 could not write the model; its own error says why");
            await collectives.ExchangeAsync(Line, pieces.Of((int)request[0], request[1], request[2])).ConfigureAwait(false);
        }
    }

    private static byte[] Request(long unit, long first, long count) => MemoryMarshal.AsBytes<long>([unit, first, count]).ToArray();
}
