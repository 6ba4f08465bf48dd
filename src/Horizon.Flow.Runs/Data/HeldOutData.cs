using System.Collections.Immutable;
using Horizon.Flow.Alignment;
using Horizon.Flow.Distributed;
using Horizon.Flow.Messages;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Runs.Data;

/// <summary>Text that is never trained on, and the loss on it.</summary>
internal sealed class HeldOutData(IBatchSource source, ICollectives? ranks = null)
{
    // So many micro-batches overlap on the device; between two such groups a run can stop.
    private const int GroupSize = 8;

    private readonly RankShare _share = RankShare.For(ranks);
    private Func<IReadOnlyList<MicroBatch>, Task<IReadOnlyList<MicroBatch>>> _prepare = Task.FromResult;

    /// <summary>Documents of it.</summary>
    public int Documents => source.Summary.Documents;

    /// <summary>What it takes of host memory, in bytes.</summary>
    public long HostBytes => source.HostBytes;

    /// <summary>Tokens of the largest micro-batch of so many rows.</summary>
    public long MostTokens(int batchSize) => source.MostTokens(epochs: 1, batchSize);

    /// <summary>Where micro-batches come from.</summary>
    public IBatchSource Source => source;

    /// <summary>The same of another source with the same micro-batches.</summary>
    public HeldOutData Of(IBatchSource other) => new(other, ranks);

    /// <summary>The same, with something that is done with this rank's micro-batches before they are looked at.</summary>
    public HeldOutData With(Func<IReadOnlyList<MicroBatch>, Task<IReadOnlyList<MicroBatch>>> prepare) => new(source, ranks) { _prepare = prepare };

    /// <summary>The mean loss over all that counts, labelled tokens or what the objective says, and the objective's metrics; null when it was stopped.</summary>
    public async Task<Evaluation?> EvaluateAsync(TrainingRun run, CancellationToken stop)
    {
        var objective = run.Context.Plan.Objective;
        var results = new List<HostResult>();
        double sum = 0;
        long count = 0;
        foreach (var indices in Enumerable.Range(0, source.MicroBatchesPerEpoch(0)).Chunk(GroupSize * _share.Count))
        {
            if (stop.IsCancellationRequested) return null;
            var batches = await _prepare(_share.Of(indices, index => source.GetMicroBatch(0, index))).ConfigureAwait(false);
            var pass = await run.ScoreAsync(batches, CancellationToken.None).ConfigureAwait(false);
            var own = batches.Where(batch => !batch.IsSpare).Sum(batch => objective?.Count(batch) ?? batch.LabelledTokens);
            // What the pass's mean is the mean over.
            var scored = ranks is null ? own : (long)(await ranks.SumAsync("scored", [own]).ConfigureAwait(false))[0];
            sum += pass.Losses!.Mean * scored;
            count += scored;
            results.AddRange(pass.Results);
        }

        return new Evaluation(sum / count, objective is IMeasuredObjective measured ? await measured.MetricsOfAllAsync(ranks, results).ConfigureAwait(false) : ImmutableDictionary<string, double>.Empty);
    }
}
