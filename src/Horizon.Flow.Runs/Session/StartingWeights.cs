using System.Buffers;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Session;

/// <summary>Puts the first parameters into a store.</summary>
internal static class StartingWeights
{
    /// <summary>From the model folder's safetensors; rows of new tokens are the mean of the others.</summary>
    /// <param name="checkpoint">The folder's files.</param>
    /// <param name="blueprint">The run.</param>
    /// <param name="store">What is filled.</param>
    /// <param name="slices">This rank's; null where there is one.</param>
    /// <param name="mayMiss">Parameters, by name, that are drawn where the folder lacks them; null for none.</param>
    /// <param name="progress">Is told how far it is.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What the user should know, or null.</returns>
    public static async Task<string?> LoadAsync(
        WeightFiles checkpoint, RunBlueprint blueprint, ParameterStore store, UnitSlices? slices, Func<string, bool>? mayMiss, SessionProgress progress, CancellationToken cancellation)
    {
        var options = (slices is not null ? RankStores.LoadOptions(blueprint.Model, slices) : new LoadOptions()) with
        {
            Wanted = slot => !AdapterLayout.IsAdapter(slot),
            MayMiss = mayMiss,
            MayGrow = blueprint.NewTokens is null ? null : ModelVocabulary.HasTokenRows,
        };
        var result = await StoreLoader.LoadAsync(checkpoint, store.Units, options, progress, cancellation).ConfigureAwait(false);
        if (result.Missing.Count > 0) Draw(blueprint, store, slices, progress, cancellation, slot => result.Missing.Contains(slot.TensorName));
        if (blueprint.NewTokens is var (first, end))
        {
            await ModelVocabulary.FillNewRowsAsync(
                blueprint.Model, store, first, end, slices is null ? null : slices.PiecesOf,
                blueprint.Ranks is { } ranks ? sums => ranks.SumAsync("new rows", sums, cancellation) : null).ConfigureAwait(false);
        }

        return result.Warning;
    }

    /// <summary>Random ones from a seed, as the model's family draws them; the same for any number of threads.</summary>
    public static void Draw(RunBlueprint blueprint, ParameterStore store, UnitSlices? slices, SessionProgress progress, CancellationToken cancellation, Func<ParameterSlot, bool>? wanted = null)
    {
        using var workers = new HostWorkers();
        var (model, seed) = (blueprint.Model, blueprint.Configuration.Training.Seed);
        var (done, total) = (0L, store.Units.Sum(unit => unit.Weights.ByteLength));
        for (var i = 0; i < store.Units.Count; i++)
        {
            var (unit, whole) = (store.Units[i], model.Units[i]);
            progress.Report(new PhaseProgress("drawing the first weights", done, total));
            done += unit.Weights.ByteLength;
            var pieces = slices?.PiecesOf(whole) ?? [new UnitPiece(0, whole.ElementCount, 0)];
            foreach (var slot in whole.Parameters.Where(slot => wanted?.Invoke(slot) != false))
            {
                cancellation.ThrowIfCancellationRequested();
                foreach (var held in pieces.Select(piece => piece.Within(slot.Offset, slot.Count)).Where(piece => piece.Count > 0))
                    workers.Sweep(held.Count, (_, first, count) => Fill(model, unit, slot, seed, held.First - slot.Offset + first, held.Place + first, count));
            }
        }
    }

    private static void Fill(ModelDefinition model, UnitState unit, ParameterSlot slot, long seed, long first, long place, int count)
    {
        var rented = ArrayPool<float>.Shared.Rent(count);
        var masters = rented.AsSpan(0, count);
        model.Initialize(slot, seed, first, masters);
        unit.WriteMasters(place, masters);
        ArrayPool<float>.Shared.Return(rented);
    }
}
