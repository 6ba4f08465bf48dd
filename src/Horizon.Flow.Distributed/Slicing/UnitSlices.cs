using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>
/// How units are cut: each flat buffer into as many equal slices as there are ranks, of which the last may be shorter. A slice is a layout of its own, whose parameters are
/// the pieces of the unit's that lie in it, by their names, so that settings by name hold for pieces too.
/// </summary>
/// <param name="rank">Whose slices.</param>
/// <param name="count">Ranks.</param>
public sealed class UnitSlices(int rank, int count)
{
    // A block of a quantized state, and a multiple of what copies and collectives like.
    private const int Alignment = 256;

    private readonly ConditionalWeakTable<UnitLayout, UnitLayout> _slices = [];

    /// <summary>Elements of a slice of a unit, of all ranks but the last.</summary>
    /// <exception cref="HorizonException">The unit has too few elements for so many ranks.</exception>
    public static long SizeOf(UnitLayout whole, int count)
    {
        ArgumentNullException.ThrowIfNull(whole);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        for (var alignment = Alignment; alignment > 0; alignment /= 2)
        {
            var size = (whole.ElementCount + ((long)count * alignment) - 1) / ((long)count * alignment) * alignment;
            if (size * (count - 1) < whole.ElementCount) return size;
        }

        throw new HorizonException($"unit '{whole.Name}' has {whole.ElementCount} elements, which {count} ranks cannot share; use fewer ranks");
    }

    /// <summary>Where a rank's slice begins in the unit's flat buffer.</summary>
    public long FirstOf(UnitLayout whole) => rank * SizeOf(whole, count);

    /// <summary>The rank's slice of a unit; the same object for the same unit.</summary>
    public UnitLayout Of(UnitLayout whole)
    {
        ArgumentNullException.ThrowIfNull(whole);
        return _slices.GetValue(whole, Cut);
    }

    private UnitLayout Cut(UnitLayout whole)
    {
        var first = FirstOf(whole);
        var end = Math.Min(first + SizeOf(whole, count), whole.ElementCount);
        var pieces = whole.Parameters
            .Select(slot => (Slot: slot, First: Math.Max(first, slot.Offset), End: Math.Min(end, slot.Offset + slot.Count)))
            .Where(piece => piece.First < piece.End).ToList();
        return new UnitLayout(
            whole.Name, $"{whole.Kind}, slice {rank} of {count}",
            pieces.Select(piece => (piece.Slot.Role, piece.Slot.TensorName, piece.End - piece.First == piece.Slot.Count ? piece.Slot.Shape.ToArray() : [piece.End - piece.First])),
            pieces.Where(piece => piece.Slot.IsFixed).Select(piece => piece.Slot.Role).ToHashSet());
    }
}
