using Horizon.Flow.Host;

namespace Horizon.Flow.Testing;

/// <summary>A store's masters as plain arrays by tensor name.</summary>
public static class StoreValues
{
    /// <summary>Sets every master, and with it the weight that the device reads.</summary>
    public static void Write(ParameterStore store, IReadOnlyDictionary<string, float[]> values)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(values);
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters)
            {
                var source = values[slot.TensorName];
                if (unit.Difference is null)
                {
                    source.CopyTo(unit.Weights.Span<float>(slot.Offset, (int)slot.Count));
                    continue;
                }

                var weights = unit.Weights.Span<ushort>(slot.Offset, (int)slot.Count);
                var differences = unit.Difference.Span<short>(slot.Offset, (int)slot.Count);
                for (var i = 0; i < source.Length; i++) (weights[i], differences[i]) = ExactMaster.Split(source[i]);
            }
        }
    }

    /// <summary>A copy of every master.</summary>
    public static Dictionary<string, float[]> Read(ParameterStore store) =>
        (store ?? throw new ArgumentNullException(nameof(store))).Units.SelectMany(unit => unit.Layout.Parameters.Select(slot => (unit, slot))).ToDictionary(pair => pair.slot.TensorName, pair => Read(pair.unit, pair.slot));

    private static float[] Read(UnitState unit, ParameterSlot slot)
    {
        if (unit.Difference is null) return unit.Weights.Span<float>(slot.Offset, (int)slot.Count).ToArray();
        var weights = unit.Weights.Span<ushort>(slot.Offset, (int)slot.Count).ToArray();
        var differences = unit.Difference.Span<short>(slot.Offset, (int)slot.Count).ToArray();
        return [.. weights.Zip(differences, ExactMaster.Join)];
    }
}
