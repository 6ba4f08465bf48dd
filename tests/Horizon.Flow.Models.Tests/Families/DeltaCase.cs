using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>Queries, keys, values, decays and strengths of random size, and documents that begin anywhere.</summary>
public sealed class DeltaCase
{
    public required int KeyHeads { get; init; }

    public required int Group { get; init; }

    public required int KeyWidth { get; init; }

    public required int ValueWidth { get; init; }

    public required int Rows { get; init; }

    public required int Sequence { get; init; }

    /// <summary>Tokens of a chunk.</summary>
    public required int Chunk { get; init; }

    /// <summary>A document begins at one of so many tokens; 0 for one document a row.</summary>
    public required int DocumentEvery { get; init; }

    /// <summary>The strongest decay: the state shrinks by the exponential of as much at a token.</summary>
    public required double Decay { get; init; }

    public required int Seed { get; init; }

    public override string ToString() =>
        $"{KeyHeads} x {Group} heads, {KeyWidth} / {ValueWidth} wide, {Rows} x {Sequence} in chunks of {Chunk}, a document every {DocumentEvery}, decay {Decay}, seed {Seed}";

    /// <summary>By the names of <see cref="DeltaRule.Mix"/>'s parameters.</summary>
    public Dictionary<string, (float[] Values, long[] Shape)> Inputs()
    {
        var random = new Random(Seed);
        (float[], long[]) Of(double low, double high, params long[] rest)
        {
            long[] shape = [Rows, Sequence, .. rest];
            return ([.. Enumerable.Range(0, (int)shape.Aggregate(1L, (left, right) => left * right)).Select(_ => (float)(low + ((high - low) * random.NextDouble())))], shape);
        }

        return new()
        {
            ["query"] = Of(-1, 1, KeyHeads, KeyWidth),
            ["key"] = Of(-1, 1, KeyHeads, KeyWidth),
            ["value"] = Of(-1, 1, KeyHeads * Group, ValueWidth),
            ["decay"] = Of(-Decay, 0, KeyHeads * Group),
            ["strength"] = Of(0, 1, KeyHeads * Group),
        };
    }

    /// <summary>[rows x sequence]: the number of each token's document.</summary>
    public long[]? Documents()
    {
        if (DocumentEvery == 0) return null;
        var (random, document) = (new Random(Seed + 1), 0L);
        return [.. Enumerable.Range(0, Rows * Sequence).Select(place => place % Sequence == 0 || random.Next(DocumentEvery) == 0 ? ++document : document)];
    }

    public MicroBatch Batch()
    {
        var ids = new long[Rows * Sequence];
        return new MicroBatch(Rows, Sequence, ids, ids, [.. ids.Select((_, place) => (long)(place % Sequence))], Documents());
    }

    public static class Cases
    {
        public static Arbitrary<DeltaCase> Any() =>
            (from keys in Gen.Choose(1, 2)
             from groupSize in Gen.Choose(1, 3)
             from keyWidth in Gen.Choose(1, 6)
             from valueWidth in Gen.Choose(1, 6)
             from rows in Gen.Choose(1, 2)
             from chunk in Gen.Elements(1, 2, 3, 5, 8, DeltaRule.ChunkLength)
             from sequence in Gen.Choose(1, chunk < DeltaRule.ChunkLength ? 4 * chunk : (2 * chunk) + 9)
             from every in Gen.Elements(0, 1, 2, 3, 7, 30)
             from decay in Gen.Elements(0.0, 0.1, 2.0, 40.0)
             from seed in Gen.Choose(0, 1_000_000)
             select new DeltaCase
             {
                 KeyHeads = keys,
                 Group = groupSize,
                 KeyWidth = keyWidth,
                 ValueWidth = valueWidth,
                 Rows = rows,
                 Sequence = sequence,
                 Chunk = chunk,
                 DocumentEvery = every,
                 Decay = decay,
                 Seed = seed,
             }).ToArbitrary();
    }
}
