using System.Buffers;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Session;

/// <summary>Puts the first parameters into a store.</summary>
internal static class StartingWeights
{
    /// <summary>From the model folder's safetensors.</summary>
    /// <returns>What the user should know, or null.</returns>
    public static async Task<string?> LoadAsync(WeightFiles checkpoint, ParameterStore store, CancellationToken cancellation)
    {
        var result = await StoreLoader.LoadAsync(checkpoint, store.Units, new() { Wanted = slot => !AdapterLayout.IsAdapter(slot) }, cancellationToken: cancellation).ConfigureAwait(false);
        return result.Warning;
    }

    /// <summary>Random ones from a seed, as the model's family draws them; the same for any number of threads.</summary>
    public static void Draw(ModelDefinition model, ParameterStore store, long seed, CancellationToken cancellation, Func<ParameterSlot, bool>? wanted = null)
    {
        using var workers = new HostWorkers();
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters.Where(slot => wanted?.Invoke(slot) != false))
            {
                cancellation.ThrowIfCancellationRequested();
                workers.Sweep(slot.Count, (_, first, count) => Fill(model, unit, slot, seed, first, count));
            }
        }
    }

    private static void Fill(ModelDefinition model, UnitState unit, ParameterSlot slot, long seed, long first, int count)
    {
        var rented = ArrayPool<float>.Shared.Rent(count);
        var masters = rented.AsSpan(0, count);
        model.Initialize(slot, seed, first, masters);
        unit.WriteMasters(slot.Offset + first, masters);
        ArrayPool<float>.Shared.Return(rented);
    }
}
