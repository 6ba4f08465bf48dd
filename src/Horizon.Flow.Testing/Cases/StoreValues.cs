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
                TestingException.Require(source.Length == slot.Count, $"{slot.TensorName} has {slot.Count} elements, {source.Length} values were given");
                unit.WriteMasters(slot.Offset, source);
            }
        }
    }

    /// <summary>A copy of every master.</summary>
    public static Dictionary<string, float[]> Read(ParameterStore store) =>
        (store ?? throw new ArgumentNullException(nameof(store))).Units.SelectMany(unit => unit.Layout.Parameters.Select(slot => (unit, slot))).ToDictionary(pair => pair.slot.TensorName, pair => Read(pair.unit, pair.slot));

    private static float[] Read(UnitState unit, ParameterSlot slot)
    {
        var values = new float[slot.Count];
        unit.ReadMasters(slot.Offset, values);
        return values;
    }
}
