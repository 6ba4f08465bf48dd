using Horizon.Flow.Testing;

namespace Horizon.Flow.Alignment.Tests;

/// <summary>Micro-batches whose sequences come in twos, with lengths of their own.</summary>
internal static class Twos
{
    /// <summary>Random sequences one behind another, or each in a row of its own with unlabelled padding at its end.</summary>
    public static MicroBatch Batch(ModelCase model, int index)
    {
        var random = new Random(Seeds.Mix(model.Seed, index));
        var lengths = Enumerable.Range(0, 2 * random.Next(1, 4)).Select(_ => random.Next(2, 9)).ToArray();
        var asRows = random.Next(2) == 0;
        var width = asRows ? lengths.Max() : lengths.Sum();
        var (rows, count) = (asRows ? lengths.Length : 1, width * (asRows ? lengths.Length : 1));
        long[] ids = new long[count], targets = new long[count], positions = new long[count], documents = new long[count];
        Array.Fill(targets, MicroBatch.Unlabelled);
        var at = 0;
        for (var sequence = 0; sequence < lengths.Length; sequence++)
        {
            if (asRows) at = sequence * width;
            var prompt = random.Next(0, lengths[sequence]);
            for (var i = 0; i < (asRows ? width : lengths[sequence]); i++, at++)
            {
                (ids[at], positions[at], documents[at]) = (random.Next(model.Vocabulary), i, sequence);
                if (i >= prompt && i < lengths[sequence]) targets[at] = random.Next(model.Vocabulary);
            }
        }

        return new MicroBatch(rows, width, ids, targets, positions, asRows ? null : documents);
    }

    /// <summary>How many twos there are.</summary>
    public static long CountOf(MicroBatch batch) => (batch.Documents is null ? batch.Rows : batch.Documents.Distinct().Count()) / 2;

    /// <summary>The steps of a case.</summary>
    public static IReadOnlyList<MicroBatch>[] Steps(TrainingCase @case) =>
        [.. Enumerable.Range(0, @case.Steps).Select(step => Enumerable.Range(0, @case.MicroBatches).Select(i => Batch(@case.Model, (step * 100) + i)).ToList())];
}
