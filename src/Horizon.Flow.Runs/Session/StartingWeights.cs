using System.Buffers;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Session;

/// <summary>Puts the first parameters into a store.</summary>
internal static class StartingWeights
{
    /// <summary>From the model folder's safetensors.</summary>
    /// <param name="checkpoint">The folder's files.</param>
    /// <param name="model">The model.</param>
    /// <param name="store">What is filled.</param>
    /// <param name="mayMiss">Parameters, by name, that are drawn where the folder lacks them; null for none.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What the user should know, or null.</returns>
    public static async Task<string?> LoadAsync(
        WeightFiles checkpoint, ModelDefinition model, ParameterStore store, Func<string, bool>? mayMiss, long seed, CancellationToken cancellation)
    {
        var result = await StoreLoader.LoadAsync(checkpoint, store.Units, new() { MayMiss = mayMiss }, cancellationToken: cancellation).ConfigureAwait(false);
        if (result.Missing.Count > 0) Draw(model, store, seed, cancellation, result.Missing.Contains);
        return result.Warning;
    }

    /// <summary>Random ones from a seed, as the model's family draws them; the same for any number of threads.</summary>
    public static void Draw(ModelDefinition model, ParameterStore store, long seed, CancellationToken cancellation, Func<string, bool>? isDrawn = null)
    {
        using var workers = new HostWorkers();
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters.Where(slot => isDrawn?.Invoke(slot.TensorName) ?? true))
            {
                cancellation.ThrowIfCancellationRequested();
                workers.Sweep(slot.Count, (_, first, count) => Fill(model, unit, slot, seed, first, count));
            }
        }
    }

    private static void Fill(ModelDefinition model, UnitState unit, ParameterSlot slot, long seed, long first, int count)
    {
        var place = slot.Offset + first;
        if (unit.Difference is null)
        {
            model.Initialize(slot, seed, first, unit.Weights.Span<float>(place, count));
            return;
        }

        var rented = ArrayPool<float>.Shared.Rent(count);
        var masters = rented.AsSpan(0, count);
        model.Initialize(slot, seed, first, masters);
        var weights = unit.Weights.Span<ushort>(place, count);
        var differences = unit.Difference.Span<short>(place, count);
        for (var i = 0; i < count; i++) (weights[i], differences[i]) = ExactMaster.Split(masters[i]);
        ArrayPool<float>.Shared.Return(rented);
    }
}
