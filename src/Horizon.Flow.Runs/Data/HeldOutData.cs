using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Runs.Data;

/// <summary>Text that is never trained on, and the loss on it.</summary>
internal sealed class HeldOutData(BatchSource source, RankShare? share = null)
{
    // So many micro-batches overlap on the device; between two such groups a run can stop.
    private const int GroupSize = 8;

    private readonly RankShare _share = share ?? RankShare.All;

    /// <summary>Documents of it.</summary>
    public int Documents => source.Summary.Documents;

    /// <summary>What it takes of host memory, in bytes.</summary>
    public long HostBytes => source.HostBytes;

    /// <summary>Tokens of the largest micro-batch of so many rows.</summary>
    public long MostTokens(int batchSize) => source.MostTokens(epochs: 1, batchSize);

    /// <summary>The mean loss over all labelled tokens, in nats; null when it was stopped.</summary>
    public async Task<double?> EvaluateAsync(TrainingRun run, CancellationToken stop)
    {
        double sum = 0;
        long labelled = 0;
        foreach (var indices in Enumerable.Range(0, source.MicroBatchesPerEpoch(0)).Chunk(GroupSize * _share.Count))
        {
            if (stop.IsCancellationRequested) return null;
            // Of all ranks: what the run's mean is the mean over.
            Dictionary<int, MicroBatch> group = indices.ToDictionary(index => index, index => source.GetMicroBatch(0, index));
            var tokens = group.Values.Sum(batch => (long)batch.LabelledTokens);
            sum += await run.EvaluateAsync(_share.Of(indices, index => group[index]), CancellationToken.None).ConfigureAwait(false) * tokens;
            labelled += tokens;
        }

        return sum / labelled;
    }
}
