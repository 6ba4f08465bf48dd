namespace Horizon.Flow.Bench;

/// <summary>Documents of unequal lengths in one row, as a run without packing lays them.</summary>
internal static class StepDocuments
{
    private const int Shortest = 16;

    /// <summary>Tokens of each document, log-uniform.</summary>
    public static IReadOnlyList<int> Lengths(StepSettings settings, Random random) =>
        [.. Enumerable.Range(0, settings.Documents).Select(_ => (int)(Shortest * Math.Pow((double)settings.Sequence / Shortest, random.NextDouble())))];

    /// <summary>The micro-batch.</summary>
    public static MicroBatch Draw(StepSettings settings, int vocabulary, Random random)
    {
        var lengths = Lengths(settings, random);
        var (ids, targets, positions, documents) = (new List<long>(), new List<long>(), new List<long>(), new List<long>());
        for (var document = 0; document < lengths.Count; document++)
        {
            for (var place = 0; place < lengths[document]; place++)
            {
                ids.Add(random.Next(vocabulary));
                targets.Add(place + 1 < lengths[document] ? random.Next(vocabulary) : MicroBatch.Unlabelled);
                positions.Add(place);
                documents.Add(document);
            }
        }

        return new MicroBatch(1, ids.Count, [.. ids], [.. targets], [.. positions], [.. documents]);
    }
}
