using System.Runtime.CompilerServices;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Experts;

/// <summary>
/// How many rows each part of a layer's experts has in a micro-batch, known to the host, so that a part takes the memory and the time of its own rows: read once for all parts after each time that
/// their layer chose, for which a GPU's lane waits.
/// </summary>
internal sealed class PartLoads
{
    private readonly ConditionalWeakTable<DeviceBatch, Dictionary<(int Layer, int Store), long[]>> _loads = [];

    /// <summary>The layer chooses anew.</summary>
    public void Forget(int layer, DeviceBatch batch) => _loads.GetOrCreateValue(batch).Remove((layer, batch.Store));

    /// <summary>What the layer chose last.</summary>
    /// <param name="layer">Its number.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="count">Counts, where nobody has yet.</param>
    public long[] Of(int layer, DeviceBatch batch, Func<long[]> count)
    {
        var loads = _loads.GetOrCreateValue(batch);
        if (!loads.TryGetValue((layer, batch.Store), out var known)) loads.Add((layer, batch.Store), known = count());
        return known;
    }
}
