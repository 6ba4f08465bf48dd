using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Masters of slices, from and to whole tensors.</summary>
internal static class SliceValues
{
    public static void Write(TrainingPlan plan, ParameterStore store, int rank, int ranks, IReadOnlyDictionary<string, float[]> values)
    {
        var slices = new UnitSlices(plan, rank, ranks);
        for (var unit = 0; unit < store.Units.Count; unit++)
        {
            var whole = plan.Model.Units[unit];
            var all = whole.Parameters.SelectMany(slot => values[slot.TensorName]).ToArray();
            foreach (var piece in slices.PiecesOf(whole)) store.Units[unit].WriteMasters(piece.Place, all.AsSpan((int)piece.First, (int)piece.Count));
        }
    }

    /// <param name="plan">Of any of the ranks.</param>
    /// <param name="stores">Of all of them, in order.</param>
    public static Dictionary<string, float[]> Join(TrainingPlan plan, IReadOnlyList<ParameterStore> stores)
    {
        var joined = new Dictionary<string, float[]>();
        for (var unit = 0; unit < plan.Model.Units.Count; unit++)
        {
            var all = new float[plan.Model.Units[unit].ElementCount];
            for (var rank = 0; rank < stores.Count; rank++)
                foreach (var piece in new UnitSlices(plan, rank, stores.Count).PiecesOf(plan.Model.Units[unit])) stores[rank].Units[unit].ReadMasters(piece.Place, all.AsSpan((int)piece.First, (int)piece.Count));
            foreach (var slot in plan.Model.Units[unit].Parameters) joined.Add(slot.TensorName, all[(int)slot.Offset..(int)(slot.Offset + slot.Count)]);
        }

        return joined;
    }
}
