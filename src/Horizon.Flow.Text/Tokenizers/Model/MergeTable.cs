using System.Numerics;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>What pairs of ids merge to, found by one look in most cases.</summary>
internal sealed class MergeTable
{
    private readonly Merge[] _places;
    private readonly int _shift;

    /// <param name="merges">Pairs of ids in order of rank, with the id that each gives; of a pair that stands there twice the last one counts.</param>
    public MergeTable(IReadOnlyList<(int Left, int Right, int Id)> merges)
    {
        // Half of the places stay empty at least.
        var bits = BitOperations.Log2((uint)Math.Max(4, merges.Count)) + 2;
        (_places, _shift) = (new Merge[1 << bits], 64 - bits);
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right, id) = merges[rank];
            _places[PlaceOf(KeyOf(left, right))] = new Merge(KeyOf(left, right), rank, id);
        }
    }

    /// <summary>What two neighbours merge to; false where they do not.</summary>
    public bool TryFind(int left, int right, out int rank, out int id)
    {
        ref readonly var found = ref _places[PlaceOf(KeyOf(left, right))];
        (rank, id) = (found.Rank, found.Id);
        return found.Key != 0;
    }

    // Never 0, which marks an empty place.
    private static ulong KeyOf(int left, int right) => ((ulong)((uint)left + 1) << 32) | (uint)right;

    private int PlaceOf(ulong key)
    {
        var place = (int)((key * 0x9E3779B97F4A7C15) >> _shift);
        while (_places[place].Key != key && _places[place].Key != 0) place = (place + 1) & (_places.Length - 1);
        return place;
    }

    private readonly record struct Merge(ulong Key, int Rank, int Id);
}
