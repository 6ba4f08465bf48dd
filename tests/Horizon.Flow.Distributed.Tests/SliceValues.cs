using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Masters of slices, from and to whole tensors.</summary>
internal static class SliceValues
{
    public static void Write(TrainingPlan plan, ParameterStore store, int rank, int ranks, IReadOnlyDictionary<string, float[]> values)
    {
        var slices = new UnitSlices(rank, ranks);
        for (var unit = 0; unit < store.Units.Count; unit++)
        {
            var whole = plan.Model.Units[unit];
            var all = whole.Parameters.SelectMany(slot => values[slot.TensorName]).ToArray();
            store.Units[unit].WriteMasters(0, all.AsSpan((int)slices.FirstOf(whole), (int)store.Units[unit].Layout.ElementCount));
        }
    }

    public static Dictionary<string, float[]> Join(ModelDefinition model, IReadOnlyList<ParameterStore> stores)
    {
        var joined = new Dictionary<string, float[]>();
        for (var unit = 0; unit < model.Units.Count; unit++)
        {
            var all = stores.SelectMany(store =>
            {
                var values = new float[store.Units[unit].Layout.ElementCount];
                store.Units[unit].ReadMasters(0, values);
                return values;
            }).ToArray();
            foreach (var slot in model.Units[unit].Parameters) joined.Add(slot.TensorName, all[(int)slot.Offset..(int)(slot.Offset + slot.Count)]);
        }

        return joined;
    }
}
