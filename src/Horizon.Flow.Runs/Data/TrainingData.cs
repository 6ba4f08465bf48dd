using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Runs.Data;

/// <summary>A run's data cut into optimizer steps.</summary>
internal sealed class TrainingData
{
    /// <summary>What <see cref="PlaceAfter"/> calls <see cref="Reference"/>.</summary>
    public const string ReferenceKey = "reference_weights";

    /// <summary>What <see cref="PlaceAfter"/> calls what tells one data set from another.</summary>
    public const string FingerprintKey = "data_fingerprint";

    private readonly IBatchSource _source;
    private readonly TrainingSection _training;
    private readonly int _accumulation;
    private readonly Lazy<string> _fingerprint;
    private readonly RankShare _share;

    public TrainingData(IBatchSource source, TrainingSection training, RankShare? share = null)
    {
        _share = share ?? RankShare.All;
        (_source, _training) = (source, training);
        _fingerprint = new(() => source.Fingerprint);
        _accumulation = training.GradientAccumulation;
        StepsPerEpoch = (source.MicroBatchesPerEpoch(0) + (long)_accumulation - 1) / _accumulation;
        Length = RunLength.Of(training, StepsPerEpoch, source.Summary.Tokens);
    }

    /// <summary>Where micro-batches come from.</summary>
    public IBatchSource Source => _source;

    /// <summary>The same steps, of another source with the same micro-batches.</summary>
    public TrainingData Of(IBatchSource source) => new(source, _training, _share) { Reference = Reference };

    /// <summary>The same steps, learned relative to what some weights say of them.</summary>
    public TrainingData RelativeTo(string weights) => new(_source, _training, _share) { Reference = weights };

    /// <summary>Which weights the data is learned relative to; null for none.</summary>
    public string? Reference { get; private init; }

    /// <summary>Steps of one pass; the last one has what is left over.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>Steps, epochs and tokens of the run.</summary>
    public RunLength Length { get; }

    /// <summary>Steps of the run.</summary>
    public long TotalSteps => Length.Steps;

    /// <summary>Documents of it.</summary>
    public int Documents => _source.Summary.Documents;

    /// <summary>What it takes of host memory, in bytes.</summary>
    public long HostBytes => _source.HostBytes;

    /// <summary>Tokens of the run's largest micro-batch of so many rows.</summary>
    public long MostTokens(int batchSize) => _source.MostTokens((int)Math.Ceiling(Length.Epochs), batchSize);

    /// <summary>What the user should know about the data, a sentence each.</summary>
    public IEnumerable<string> Warnings => _source.Summary.Warnings.Select(warning => $"data: {warning.TrimEnd('.')}");

    /// <summary>The place in the data after a step, and which data it is.</summary>
    public IReadOnlyDictionary<string, string> PlaceAfter(long step)
    {
        var place = new Dictionary<string, string>
        {
            [FingerprintKey] = _fingerprint.Value,
            ["epoch"] = (step / StepsPerEpoch).ToString(CultureInfo.InvariantCulture),
            ["micro_batch"] = (step % StepsPerEpoch * _accumulation).ToString(CultureInfo.InvariantCulture),
        };
        if (Reference is not null) place.Add(ReferenceKey, Reference);
        return place;
    }

    /// <summary>This rank's micro-batches of each step from one on, made as they are asked for.</summary>
    /// <param name="firstStep">1 or more.</param>
    public IEnumerable<IReadOnlyList<MicroBatch>> StepsFrom(long firstStep)
    {
        for (var step = firstStep - 1; step < TotalSteps; step++)
        {
            var (epoch, place) = ((int)(step / StepsPerEpoch), (int)(step % StepsPerEpoch));
            var first = place * _accumulation;
            var count = Math.Min(_accumulation, _source.MicroBatchesPerEpoch(epoch) - first);
            var numbers = (step * _accumulation) - first;
            yield return _share.Of(Enumerable.Range(first, count), index => WithSeed(_source.GetMicroBatch(epoch, index), numbers + index));
        }
    }

    // Random numbers follow from the seed and the place in the run, so that a resumed run draws the same.
    private MicroBatch WithSeed(MicroBatch batch, long number) =>
        _training.NeftuneAlpha > 0 ? batch.WithSeed((long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes([_training.Seed, number]))) : batch;
}
