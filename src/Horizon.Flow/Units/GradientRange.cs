using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Units;

/// <summary>Neighbouring elements of a flat gradient.</summary>
/// <param name="First">From 0.</param>
/// <param name="Count">At least 1.</param>
public readonly record struct GradientRange(long First, long Count)
{
    /// <summary>One behind the last.</summary>
    public long End => First + Count;

    /// <summary>What lies between ranges, before the first and behind the last.</summary>
    /// <param name="ranges">Ascending, without overlap.</param>
    /// <param name="length">Elements of the gradient.</param>
    public static IEnumerable<GradientRange> Between(IEnumerable<GradientRange> ranges, long length)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        var end = 0L;
        foreach (var range in ranges.Append(new GradientRange(length, 0)))
        {
            if (range.First > end) yield return new GradientRange(end, range.First - end);
            end = range.End;
        }
    }

    internal (long Offset, long Length) Bytes(ElementType type) => (First * type.ByteSize(), Count * type.ByteSize());
}
