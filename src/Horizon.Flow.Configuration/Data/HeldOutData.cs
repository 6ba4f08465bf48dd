using Horizon.Flow.Text;

namespace Horizon.Flow.Configuration;

/// <summary>Text that is never trained on, and the loss on it.</summary>
internal sealed class HeldOutData
{
    // So many micro-batches overlap on the device; between two such groups a run can stop.
    private const int GroupSize = 8;

    private readonly BatchSource _source;

    private HeldOutData(BatchSource source) => _source = source;

    /// <summary>Reads the held-out text in its own order; null where none is configured.</summary>
    public static HeldOutData? Open(RunBlueprint blueprint, ITokenizer? tokenizer) => PathOf(blueprint.Configuration) is { } path
        ? new HeldOutData(DataReader.Open(blueprint, tokenizer, path, DataSplit.Validation))
        : null;

    // A share of the training data is read again, for its other part.
    private static string? PathOf(RunConfiguration configuration) =>
        configuration.Evaluation.Path ?? (configuration.Evaluation.Fraction > 0 ? configuration.Data.Name : null);

    /// <summary>What is held in memory of it.</summary>
    public (long Tokens, long Bytes) Held => DataReader.HeldBy(_source);

    /// <summary>The mean loss over all labelled tokens, in nats; null when it was stopped.</summary>
    public async Task<double?> EvaluateAsync(TrainingRun run, CancellationToken stop)
    {
        double sum = 0;
        long labelled = 0;
        foreach (var indices in Enumerable.Range(0, _source.MicroBatchesPerEpoch(0)).Chunk(GroupSize))
        {
            if (stop.IsCancellationRequested) return null;
            MicroBatch[] group = [.. indices.Select(index => _source.GetMicroBatch(0, index))];
            var tokens = group.Sum(batch => (long)batch.LabelledTokens);
            sum += await run.EvaluateAsync(group, CancellationToken.None).ConfigureAwait(false) * tokens;
            labelled += tokens;
        }

        return sum / labelled;
    }
}
