using Horizon.Flow.Devices;

namespace Horizon.Flow.Distributed;

/// <summary>A stretch of a flat buffer that ranks share: neighbouring parts, one for each rank, in any order.</summary>
/// <param name="First">Its first element in the whole buffer.</param>
/// <param name="Firsts">[ranks]: the first element of each rank's part in the whole buffer.</param>
/// <param name="Counts">[ranks]: elements of each rank's part; 0 for none.</param>
/// <param name="Places">[ranks]: where each rank's part begins in its slice.</param>
public sealed record SharedStretch(long First, IReadOnlyList<long> Firsts, IReadOnlyList<long> Counts, IReadOnlyList<long> Places)
{
    /// <summary>A buffer of which each rank has the next so many elements, in a slice of its own.</summary>
    /// <param name="counts">[ranks].</param>
    public static SharedStretch Of(params IReadOnlyList<long> counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        return new(0, [.. counts.Select((_, rank) => counts.Take(rank).Sum())], counts, [.. counts.Select(_ => 0L)]);
    }

    /// <summary>Elements of all parts together.</summary>
    public long Count => Counts.Sum();

    /// <summary>Elements of the largest part.</summary>
    public long Largest => Counts.Max();

    /// <summary>Whether rank r's part is the r-th of equal ones, of which the last may be shorter: then one collective of equal counts does, given room for a whole last part.</summary>
    public bool IsEven => Enumerable.Range(0, Counts.Count).All(rank => Firsts[rank] == First + (rank * Counts[0]) && (Counts[rank] == Counts[0] || rank == Counts.Count - 1)) && Largest == Counts[0];

    /// <summary>The ranks in the order of their parts.</summary>
    public IReadOnlyList<int> Order => [.. Enumerable.Range(0, Counts.Count).OrderBy(rank => Firsts[rank]).ThenBy(rank => Counts[rank])];

    /// <summary>One past the last element that is touched where a whole last part is moved.</summary>
    internal long PaddedEnd => IsEven ? First + (Counts.Count * Counts[0]) : First + Count;

    /// <summary>Checks buffers before they are written: a stretch that does not fit them is a bug.</summary>
    internal void Require(int rank, int ranks, DeviceBuffer slice, DeviceBuffer whole)
    {
        ArgumentNullException.ThrowIfNull(slice);
        ArgumentNullException.ThrowIfNull(whole);
        if (slice.ElementType != whole.ElementType || Counts.Count != ranks || Places[rank] + Counts[rank] > slice.ElementCount || First + Count > whole.ElementCount)
            throw new ArgumentException($"{Count} elements in parts for {Counts.Count} ranks do not fit buffers of {slice.ElementCount} {slice.ElementType} and {whole.ElementCount} {whole.ElementType}");
    }

    /// <summary>Whether the buffers have room for a whole last part, so that all parts can be moved as if they were equal.</summary>
    internal bool IsEvenIn(DeviceBuffer slice, DeviceBuffer whole) => IsEven && Places.Max() + Largest <= slice.ElementCount && PaddedEnd <= whole.ElementCount;
}
