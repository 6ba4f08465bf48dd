using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow.Alignment;

/// <summary>
/// What the model says of every label before it is trained: computed once, with the store as it is, so that no second copy of the model is held. Kept by the
/// content of each sequence, whatever batches it lies in, and saved, since a run that resumes has no untouched store any more. 4 bytes a labelled token.
/// </summary>
public sealed class ReferenceLogProbabilities
{
    /// <summary>The column that <see cref="Attach"/> adds: [labelled tokens].</summary>
    public const string Column = "reference";

    private readonly Dictionary<SequenceKey, float[]> _values = [];

    /// <summary>How many sequences are known.</summary>
    public int Count => _values.Count;

    /// <summary>Adds the sequences of micro-batches that are not known yet, with the parameters as they are after all steps begun so far.</summary>
    /// <param name="run">A run of the model, before its first step.</param>
    /// <param name="microBatches">All that will be trained on.</param>
    /// <param name="together">Micro-batches that go through each layer while it is on the device: as many hidden states are held there, and the store is streamed once for them.</param>
    /// <param name="cancellationToken">Gives up waiting for room; the run is then stopped.</param>
    /// <returns>How many micro-batches had to be computed.</returns>
    public async Task<int> AddAsync(TrainingRun run, IEnumerable<MicroBatch> microBatches, int together = 8, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentOutOfRangeException.ThrowIfLessThan(together, 1);
        var computed = 0;
        foreach (var batches in microBatches.Where(batch => !SequenceKey.Of(batch).All(_values.ContainsKey)).Chunk(together))
        {
            foreach (var result in await LayerPass.RunAsync(run, batches, Ops.LogProbabilities, together, cancellationToken).ConfigureAwait(false))
                Add(batches[result.Visit.MicroBatch], result);
            computed += batches.Length;
        }

        return computed;
    }

    /// <summary>The micro-batch with the reference's log-probabilities as a column.</summary>
    /// <exception cref="HorizonException">One of its sequences is not known.</exception>
    public MicroBatch Attach(MicroBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return batch.WithColumn(Column, [.. SequenceKey.Of(batch).SelectMany((key, sequence) => _values.TryGetValue(key, out var values) ? values : throw new HorizonException(
            $"the reference's log-probabilities of sequence {sequence + 1} of a micro-batch are not known; add it before training"))]);
    }

    /// <summary>Writes all that is known to a file, which is whole or not there.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path) => ReferenceFile.Write(path, _values);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="HorizonException">The file is damaged or of another kind.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ReferenceLogProbabilities Load(string path)
    {
        var loaded = new ReferenceLogProbabilities();
        foreach (var (key, values) in ReferenceFile.Read(path)) loaded._values.Add(key, values);
        return loaded;
    }

    private void Add(MicroBatch batch, HostResult result)
    {
        var start = 0;
        foreach (var (key, count) in SequenceKey.Of(batch).Zip(batch.LabelledBySequence))
        {
            _values.TryAdd(key, result.Numbers.AsSpan(start, count).ToArray());
            start += count;
        }
    }
}
