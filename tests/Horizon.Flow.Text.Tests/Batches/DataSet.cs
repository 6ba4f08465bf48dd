using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tests;

/// <summary>Documents in which every token id occurs once, counted up from 1, with at least one label to learn early in the first.</summary>
public sealed record DataSet(IReadOnlyList<TokenDocument> Documents, int SequenceLength, int BatchSize, long Seed)
{
    /// <summary>The document of an id, and its place in it.</summary>
    public (int Document, int Place) Find(long id)
    {
        var number = 0;
        while (id - 1 >= Documents[number].InputIds.Length) id -= Documents[number++].InputIds.Length;
        return (number, (int)id - 1);
    }

    public static Arbitrary<DataSet> Arbitrary() => Arb.From(
        from lengths in Gen.NonEmptyListOf(Gen.Frequency((5, Gen.Choose(0, 12)), (1, Gen.Choose(0, 60))))
        from masks in Gen.ListOf(Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true))), lengths.Sum() + 2)
        from sequenceLength in Gen.Choose(2, 16)
        from batchSize in Gen.Choose(1, 5)
        from seed in Gen.Choose(0, 1000)
        select Create([lengths[0] + 2, .. lengths.Skip(1)], [.. masks], sequenceLength, batchSize, seed));

    private static DataSet Create(List<int> lengths, List<bool> masks, int sequenceLength, int batchSize, long seed)
    {
        masks[1] = false;
        var next = 0;
        return new DataSet([.. lengths.Select(Document)], sequenceLength, batchSize, seed);

        TokenDocument Document(int length)
        {
            var ids = Enumerable.Range(next + 1, length).ToArray();
            next += length;
            return new TokenDocument(ids, [.. ids.Select(id => masks[id - 1] ? TokenDocument.Ignored : id)]);
        }
    }
}
