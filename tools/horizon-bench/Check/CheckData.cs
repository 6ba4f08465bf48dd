using Horizon.Flow.Testing;

namespace Horizon.Flow.Bench;

/// <summary>Random batches of a case.</summary>
internal static class CheckData
{
    /// <summary>All steps' micro-batches; about a third of the targets are not trained on.</summary>
    public static List<IReadOnlyList<MicroBatch>> Batches(CheckCase @case) =>
        [.. Enumerable.Range(0, @case.Steps).Select(step =>
            (IReadOnlyList<MicroBatch>)[.. Enumerable.Range(0, @case.MicroBatches).Select(i => Batch(@case, (step * 100) + i))])];

    private static MicroBatch Batch(CheckCase @case, int index)
    {
        var random = new Random(Seeds.Mix(@case.Seed, index));
        var (count, vocabulary) = (@case.Rows * @case.Sequence, @case.Config.VocabularySize);
        var ids = Enumerable.Range(0, count).Select(_ => (long)random.Next(vocabulary)).ToArray();
        var targets = ids.Select(_ => random.Next(3) == 0 ? MicroBatch.Unlabelled : random.Next(vocabulary)).ToArray();
        targets[random.Next(count)] = random.Next(vocabulary);
        var (positions, documents) = (new long[count], new long[count]);
        for (var place = 0; place < count; place++)
        {
            var start = place % @case.Sequence == 0;
            var next = start || (@case.Packed && place % @case.Sequence >= @case.FirstDocument && random.Next(16) == 0);
            documents[place] = start ? 0 : documents[place - 1] + (next ? 1 : 0);
            positions[place] = next ? 0 : positions[place - 1] + 1;
        }

        return new MicroBatch(@case.Rows, @case.Sequence, ids, targets, positions, @case.Packed ? documents : null);
    }
}
