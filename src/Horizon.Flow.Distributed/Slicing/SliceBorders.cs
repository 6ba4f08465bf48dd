using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>Where a stretch of a unit can be cut: into equal parts as nearly as what belongs together allows.</summary>
internal static class SliceBorders
{
    // A block of a quantized state, and a multiple of what copies and collectives like.
    private const int Alignment = 256;

    /// <summary>The borders of equal parts, the last of which may be shorter: at multiples of a power of two as large as can be, so that none is empty where there are as many elements as parts.</summary>
    private static IEnumerable<long> Even(long elements, int count)
    {
        for (var alignment = Alignment; alignment > 0; alignment /= 2)
        {
            var size = (elements + ((long)count * alignment) - 1) / ((long)count * alignment) * alignment;
            if (size * (count - 1) < elements) return Enumerable.Range(0, count + 1).Select(part => Math.Min(part * size, elements));
        }

        return Enumerable.Range(0, count + 1).Select(part => part * elements / count);
    }

    /// <summary>The borders of so many parts, the two ends included.</summary>
    /// <param name="slots">The stretch's parameters.</param>
    /// <param name="count">Parts.</param>
    /// <param name="grain">How many elements of a parameter belong together; null for 1.</param>
    public static long[] Find(IReadOnlyList<ParameterSlot> slots, int count, Func<ParameterSlot, long>? grain)
    {
        var (first, end) = (slots[0].Offset, slots[^1].Offset + slots[^1].Count);
        return [.. Even(end - first, count).Select(border => first + border).Select(border => border == first || border == end || grain is null ? border : Near(slots, border, grain))];
    }

    // A part that began with a parameter that is fixed would have it in front, where slices have what is no part of checkpoints.
    private static long Near(IReadOnlyList<ParameterSlot> slots, long border, Func<ParameterSlot, long> grain)
    {
        var slot = slots.First(slot => border < slot.Offset + slot.Count);
        var together = Math.Max(1, slot.IsFixed ? slot.Count : grain(slot));
        var below = slot.Offset + ((border - slot.Offset) / together * together);
        var above = Math.Min(below + together, slot.Offset + slot.Count);
        border = border - below <= above - border ? below : above;
        foreach (var next in slots)
            if (next.IsFixed && border >= next.Offset && border < next.Offset + next.Count) border = next.Offset + next.Count;
        return border;
    }
}
