using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Testing;

/// <summary>A store's masters as plain arrays by tensor name.</summary>
public static class StoreValues
{
    /// <summary>Sets every master, and with it the weight that the device reads.</summary>
    /// <exception cref="TestingException">A tensor has another length than its parameter.</exception>
    public static void Write(ParameterStore store, IReadOnlyDictionary<string, float[]> values)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(values);
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters)
            {
                var source = values[slot.TensorName];
                var count = slot.TensorShape.Aggregate(1L, (product, extent) => product * extent);
                TestingException.Require(source.Length == count, $"{slot.TensorName} has {count} elements, {source.Length} values were given");
                unit.WriteMasters(slot.Offset, source.AsSpan((int)slot.TensorOffset, (int)slot.Count));
            }
        }
    }

    /// <summary>A copy of every master.</summary>
    public static Dictionary<string, float[]> Read(ParameterStore store) =>
        (store ?? throw new ArgumentNullException(nameof(store))).Units.SelectMany(unit => unit.Layout.Parameters.Select(slot => (unit, slot)))
            .GroupBy(pair => pair.slot.TensorName).ToDictionary(tensor => tensor.Key, tensor => tensor.SelectMany(pair => Read(pair.unit, pair.slot)).ToArray());

    private static float[] Read(UnitState unit, ParameterSlot slot)
    {
        var values = new float[slot.Count];
        unit.ReadMasters(slot.Offset, values);
        return values;
    }
}
