namespace Horizon.Flow.Alignment.Preferences;

/// <summary>What objectives over two sequences at a time ask of a micro-batch.</summary>
internal static class SequenceRules
{
    public static void RequireTwos(MicroBatch batch, string two, string names)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var counts = batch.LabelledBySequence;
        if (counts.Count % 2 != 0) throw new HorizonException($"a micro-batch has {counts.Count} sequences; they come in twos, {two}, without padding that has a document number of its own");
        for (var sequence = 0; sequence < counts.Count; sequence++)
            if (counts[sequence] == 0) throw new HorizonException($"sequence {sequence + 1} of a micro-batch of {names} has no labelled token; leave out answers that have nothing to learn, and lay sequences without padding between");
    }

    public static void RequireReference(MicroBatch batch) => RequireColumn(
        batch, ReferenceLogProbabilities.Column, batch.LabelledTokens, $"compute it with {nameof(ReferenceLogProbabilities)} before training, and attach it to every micro-batch");

    public static void RequireColumn(MicroBatch batch, string name, int count, string mend)
    {
        if (!batch.Columns.TryGetValue(name, out var column)) throw new HorizonException($"a micro-batch has no column '{name}'; {mend}");
        if (column.Length != count) throw new HorizonException($"the column '{name}' of a micro-batch has {column.Length} numbers, not {count}; {mend}");
    }
}
