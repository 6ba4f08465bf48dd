namespace Horizon.Flow.Host.Store;

/// <summary>A piece of a unit that a store of slices holds: elements of the whole, and where they lie in the slice.</summary>
/// <param name="First">Its first element in the whole unit's flat buffer.</param>
/// <param name="Count">Elements; 0 for none.</param>
/// <param name="Place">Its first element in the slice's flat buffer.</param>
public readonly record struct UnitPiece(long First, long Count, long Place)
{
    /// <summary>The part of it that lies among some elements of the whole.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <returns>Its count is 0 where there is none.</returns>
    public UnitPiece Within(long first, long count)
    {
        var (from, end) = (Math.Max(First, first), Math.Min(First + Count, first + count));
        return new(from, Math.Max(0, end - from), Place + from - First);
    }
}
