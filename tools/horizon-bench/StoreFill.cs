using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Bench;

/// <summary>
/// Random weights as fast as memory takes them: element i of a parameter is a uniform number made from a seed and i alone (SplitMix64),
/// rounded to bf16, so that every precision starts from the same numbers. Norms lie about one.
/// </summary>
internal static class StoreFill
{
    /// <summary>Fills every unit and has the pages of all other buffers taken from the system.</summary>
    /// <param name="store">The store.</param>
    /// <param name="seed">Other seeds give other numbers.</param>
    /// <param name="workers">Threads.</param>
    /// <param name="deviation">Of matrices; null for 1 / sqrt(width of the input).</param>
    /// <param name="wholes">The units of the model, where the store has slices of them; a slice gets the numbers that it has in the whole.</param>
    /// <param name="piecesOf">What a slice has of a unit.</param>
    public static void Fill(
        ParameterStore store, int seed, HostWorkers workers, double? deviation = null, IReadOnlyList<UnitLayout>? wholes = null, Func<UnitLayout, IReadOnlyList<UnitPiece>>? piecesOf = null)
    {
        for (var index = 0; index < store.Units.Count; index++)
        {
            var unit = store.Units[index];
            var whole = wholes?[index] ?? unit.Layout;
            var pieces = piecesOf?.Invoke(whole) ?? [new UnitPiece(0, whole.ElementCount, 0)];
            foreach (var slot in whole.Parameters)
            {
                if (pieces.Select(piece => piece.Within(slot.Offset, slot.Count)).FirstOrDefault(piece => piece.Count > 0) is not { Count: > 0 } held) continue;
                var isNorm = slot.Role.EndsWith("norm.weight", StringComparison.Ordinal);
                var spread = slot.Shape.Count == 2 ? Math.Sqrt(3) * (deviation ?? Math.Sqrt(1.0 / slot.Shape[1])) : deviation is null ? 0.2 : 0;
                Fill(unit, (held.Place, held.First - slot.Offset, held.Count), (ulong)Seeds.Mix(seed, index, slot.Offset), isNorm ? 1f : 0f, (float)spread, workers);
            }

            unit.Difference?.Touch(workers);
            foreach (var buffer in unit.OptimizerState) buffer.Touch(workers);
        }
    }

    /// <summary>The masters of a unit.</summary>
    public static float[] Read(UnitState unit, HostWorkers workers)
    {
        var values = new float[unit.Layout.ElementCount];
        workers.Sweep(values.Length, (_, first, count) => unit.ReadMasters(first, values.AsSpan((int)first, count)));
        return values;
    }

    private static void Fill(UnitState unit, (long InUnit, long InParameter, long Count) piece, ulong key, float middle, float spread, HostWorkers workers) =>
        workers.Sweep(piece.Count, (_, first, count) =>
        {
            var floats = unit.Difference is null ? unit.Weights.Span<float>(piece.InUnit + first, count) : default;
            var halves = unit.Difference is null ? default : unit.Weights.Span<ushort>(piece.InUnit + first, count);
            for (var i = 0; i < count; i++)
            {
                var uniform = ((int)(SplitMix.Mix(key + ((ulong)(piece.InParameter + first + i) * SplitMix.Gamma)) >> 40) - (1 << 23)) * (1f / (1 << 23));
                var weight = ExactMaster.Split(middle + (spread * uniform)).Weight;
                if (halves.IsEmpty) floats[i] = ExactMaster.Join(weight, 0);
                else halves[i] = weight;
            }
        });
}
