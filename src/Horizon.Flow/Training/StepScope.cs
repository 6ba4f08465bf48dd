using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>
/// One step on its way through the graph: what holds for all its micro-batches, and what is gathered from them. Stages of a user's own
/// read and write it too.
/// </summary>
public sealed class StepScope
{
    private readonly Lock _gate = new();
    private readonly IReadOnlyList<long> _versions;
    private readonly double[] _losses;
    private readonly double?[] _sumOfSquares;
    private readonly int[] _contributions;
    private readonly TaskCompletionSource _lossesKnown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (string Unit, int MicroBatch)? _badGradient;
    private int _missingLosses;

    /// <summary>Opens a step. A run does it for each step; a loop of your own does it by hand.</summary>
    /// <param name="number">The step, from 1.</param>
    /// <param name="purpose">Training or evaluation.</param>
    /// <param name="versions">[units]: the version at which each unit is fetched; see <see cref="ParameterStore.ExpectedVersions"/>.</param>
    /// <param name="learningRate">For the optimizer.</param>
    /// <param name="microBatches">All of the step's micro-batches.</param>
    public StepScope(long number, StepPurpose purpose, IReadOnlyList<long> versions, double learningRate, IReadOnlyList<MicroBatch> microBatches)
    {
        ArgumentNullException.ThrowIfNull(versions);
        ArgumentNullException.ThrowIfNull(microBatches);
        Number = number;
        Purpose = purpose;
        _versions = versions;
        LearningRate = learningRate;
        LabelledTokens = microBatches.Sum(batch => (long)batch.LabelledTokens);
        Tokens = microBatches.Sum(batch => (long)batch.TokenCount);
        _losses = new double[microBatches.Count];
        _missingLosses = microBatches.Count;
        _sumOfSquares = new double?[versions.Count];
        _contributions = new int[versions.Count];
    }

    /// <summary>The step, from 1; an evaluation has the number of the step before it.</summary>
    public long Number { get; }

    /// <summary>Training or evaluation.</summary>
    public StepPurpose Purpose { get; }

    /// <summary>The version at which a unit is fetched.</summary>
    public long VersionOf(int unit) => _versions[unit];

    /// <summary>From the schedule.</summary>
    public double LearningRate { get; }

    /// <summary>Labelled next tokens of all micro-batches.</summary>
    public long LabelledTokens { get; }

    /// <summary>Micro-batches of the step.</summary>
    public int MicroBatchCount => _losses.Length;

    /// <summary>Real tokens of all micro-batches.</summary>
    public long Tokens { get; }

    /// <summary>What the sum of losses is multiplied by: 1 / <see cref="LabelledTokens"/>, so that the loss is the mean of the whole step.</summary>
    public double LossScale => 1.0 / LabelledTokens;

    /// <summary>What gradients are multiplied by before the update; a clipping stage lowers it.</summary>
    public float GradientScale { get; set; } = 1f;

    /// <summary>Why the step's updates are left out, in words; null when they are not.</summary>
    public string? SkipReason { get; set; }

    /// <summary>The mean loss, once all micro-batches went through the head.</summary>
    public double Loss
    {
        get
        {
            lock (_gate) return _losses.Sum() * LossScale;
        }
    }

    /// <summary>The norm of all gradients before clipping: summed in the order of the units, so always the same.</summary>
    public double GradientNorm
    {
        get
        {
            lock (_gate) return Math.Sqrt(_sumOfSquares.Sum(sum => sum ?? 0));
        }
    }

    /// <summary>Ends when the losses of all micro-batches are known.</summary>
    public Task LossesKnown => _lossesKnown.Task;

    /// <summary>The first micro-batch whose loss is not finite, in words; null where there is none. Asked once <see cref="LossesKnown"/> ended.</summary>
    public string? BadLoss
    {
        get
        {
            lock (_gate)
            {
                var bad = Array.FindIndex(_losses, loss => !double.IsFinite(loss));
                return bad < 0 ? null : $"the loss of {NameOf(bad)} is {_losses[bad]}";
            }
        }
    }

    /// <summary>The first gradient that was not finite, as unit and micro-batch in words; null where none was seen.</summary>
    public string? BadGradient
    {
        get
        {
            lock (_gate) return _badGradient is { } bad ? $"unit '{bad.Unit}' in {NameOf(bad.MicroBatch)}" : null;
        }
    }

    /// <summary>A micro-batch in words, counted from 1: <c>micro-batch 2 of 4</c>.</summary>
    /// <param name="microBatch">Its place in the step, from 0.</param>
    public string NameOf(int microBatch) => $"micro-batch {microBatch + 1} of {MicroBatchCount}";

    /// <summary>Records that a gradient is not finite; the first call counts.</summary>
    public void RecordBadGradient(UnitVisit visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        lock (_gate) _badGradient ??= (visit.Layout.Name, visit.MicroBatch.Index);
    }

    /// <summary>Records a unit's sum of squares, after accumulation and before clipping.</summary>
    public void RecordSumOfSquares(int unit, double sum)
    {
        lock (_gate) _sumOfSquares[unit] = sum;
    }

    /// <summary>A unit's sum of squares, if recorded.</summary>
    public double? SumOfSquaresOf(int unit)
    {
        lock (_gate) return _sumOfSquares[unit];
    }

    /// <summary>Counts one gradient of a unit.</summary>
    /// <returns>How many have come, this one included.</returns>
    public int CountContribution(int unit) => Interlocked.Increment(ref _contributions[unit]);

    /// <summary>Records the sum of losses of one micro-batch. The head does it; a head of your own must, or the step never ends.</summary>
    /// <param name="microBatch">Its place in the step, from 0.</param>
    /// <param name="sum">The sum over its labelled tokens, in nats.</param>
    public void RecordLoss(int microBatch, double sum)
    {
        lock (_gate)
        {
            _losses[microBatch] = sum;
            if (--_missingLosses == 0) _lossesKnown.TrySetResult();
        }
    }

    /// <summary>Says that the losses will never be known; the first call counts.</summary>
    public void Fail(Exception cause)
    {
        if (!_lossesKnown.TrySetException(cause)) return;
        _ = _lossesKnown.Task.Exception;
    }
}
